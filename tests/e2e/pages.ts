// All pages of the console, and the screens on which they are looked at.
export interface Mode {
    name: string;
    width: number;
    height: number;
    query: string;
}
export const modes: Mode[] = [
    { name: "desk", width: 1440, height: 900, query: "" },
    { name: "wall", width: 1920, height: 1080, query: "wall=1" },
    { name: "phone", width: 390, height: 844, query: "" },
];

export interface PageToLook {
    name: string;
    path: string;
    /** What is there once the page has what it shows. */
    ready: string;
}
export const pagesOf = (thing: string, alert: string, device?: string): PageToLook[] => [
    { name: "situation", path: "/now", ready: ".citymap-gl[data-ready]" },
    { name: "drawer", path: `/now?open=${encodeURIComponent(thing)}`, ready: ".drawer .values" },
    { name: "alerts", path: "/alerts", ready: ".datatable tbody tr" },
    { name: "alert", path: `/alerts/${encodeURIComponent(alert)}`, ready: ".detail .facts" },
    ...["packs", "rules", "subscriptions", "people"].map((tab) => ({
        name: `system-${tab}`,
        path: `/system/${tab}`,
        ready: "main .panel",
    })),
    { name: "things", path: "/things", ready: ".datatable tbody tr" },
    {
        name: "things-figure",
        path: "/things?type=ElectricVehicle&figure=battery&q=battery%3E1%3Bspeed%3E%3D0",
        ready: ".term",
    },
    { name: "thing", path: `/things/${encodeURIComponent(thing)}`, ready: ".thing .chart canvas" },
    { name: "devices", path: "/things?tab=devices", ready: ".datatable tbody tr" },
    ...(device ? [{ name: "device", path: `/devices/${device}`, ready: ".ring" }] : []),
    { name: "plan", path: "/plan", ready: ".plan-row" },
    { name: "health", path: "/system/health", ready: ".health-table .tag" },
    { name: "links", path: "/system/links", ready: ".links .datatable tbody tr" },
    ...(device
        ? [
              {
                  name: "link",
                  path: `/system/links?link=${device.split("/")[0]}&part=devices`,
                  ready: "#link-devices tbody tr",
              },
          ]
        : []),
    { name: "tables", path: "/system/tables", ready: ".give-drop" },
];
