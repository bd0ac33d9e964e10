import type { Dashboard, DataTransformerConfig, FieldConfigSource, Panel, RowPanel, VariableModel } from "@grafana/schema";
import type { Options as BarGauge } from "@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen";
import type { Options as Stat } from "@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
import type {
    FieldConfig as TimelineField,
    Options as Timeline,
} from "@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen";
import type { FieldConfig as TableField, Options as Table } from "@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen";
import type {
    FieldConfig as GraphField,
    Options as Graph,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

/** The JSON form of a type, in which an enum of strings is one of those strings. */
type Json<T> = T extends string
    ? `${T}`
    : T extends number | boolean | null | undefined
      ? T
      : T extends (infer U)[]
        ? Json<U>[]
        : T extends object
          ? { [K in keyof T]: Json<T[K]> }
          : T;

/** A query of Grafana's Prometheus data source, which the package of the schema lacks. */
interface Query {
    refId: string;
    datasource: { type: "prometheus"; uid: string };
    editorMode: "code" | "builder";
    expr: string;
    format: "time_series" | "table" | "heatmap";
    instant: boolean;
    range: boolean;
    legendFormat: string;
}

interface Known<Type extends string, Options, Field extends object> extends Omit<Json<Panel>, "type" | "options" | "fieldConfig" | "targets" | "transformations"> {
    type: Type;
    targets: Query[];
    options: Json<Partial<Options>>;
    fieldConfig: Json<Omit<FieldConfigSource, "defaults">> & {
        defaults: Json<Omit<FieldConfigSource["defaults"], "custom">> & { custom?: Json<Partial<Field>> };
    };
    transformations?: Json<DataTransformerConfig>[];
}

type KnownPanel =
    | Known<"bargauge", BarGauge, never>
    | Known<"stat", Stat, never>
    | Known<"state-timeline", Timeline, TimelineField>
    | Known<"table", Table, TableField>
    | Known<"timeseries", Graph, GraphField>;

type Exact = Omit<Json<Dashboard>, "panels" | "templating"> & {
    panels: (KnownPanel | (Omit<Json<RowPanel>, "panels"> & { panels: KnownPanel[] }))[];
    templating: { list: Json<VariableModel>[] };
};

