// MapLibre with its worker as a file of our own: a strict policy lets no script come from a blob.
import { Map, NavigationControl, setWorkerUrl, type StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";
import "maplibre-gl/dist/maplibre-gl.css";

setWorkerUrl(new URL(workerUrl, import.meta.url).href);

export function makeMap(container: HTMLElement, style: StyleSpecification): Map {
    const map = new Map({
        container,
        style,
        center: [119.45, 32.05],
        zoom: 8,
        minZoom: 2,
        maxZoom: 18,
        attributionControl: false,
        dragRotate: false,
        pitchWithRotate: false,
        fadeDuration: 0,
        localIdeographFontFamily: getComputedStyle(document.documentElement).getPropertyValue("--sans").trim(),
    });
    map.touchZoomRotate.disableRotation();
    map.addControl(new NavigationControl({ showCompass: false }), "top-right");
    return map;
}
