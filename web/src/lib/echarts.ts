// The parts of ECharts that are used, on a canvas.
import { LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { init, use, type ECharts } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([LineChart, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);
export const makeChart = (box: HTMLElement, locale: string): ECharts =>
    init(box, null, { locale: locale.toUpperCase() });
