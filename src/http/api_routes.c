/* Every path of the NGSI-LD API (clause 6.2), what it accepts, and who answers it. */
#include "http/api_int.h"

#define SELECT " id idPattern type q scopeQ georel geometry coordinates geoproperty csf expandValues jsonKeys local"
#define SHOW " format options pick omit attrs lang datasetId geometryProperty"
#define JOIN " join joinLevel containedBy"
#define MAP " entityMap entityMapLifetime splitEntities"
#define PAGE " limit offset count"
#define ORDER " orderBy collation orderFrom orderGeometry"
#define TIME " timerel timeAt endTimeAt timeproperty lastN aggrMethods aggrPeriodDuration"
#define SHOW_TIME " format options pick omit attrs lang datasetId"
#define ROOT(path) API_ROOT path
/* A path that this version does not serve: it says so itself, for every method that the specification has there. */
#define UNBUILT(method, path) \
    { method, ROOT(path), api_unbuilt, "*", JD_R_SLASH, "Not served by this version" }

static const jd_route rows[] = {
    {JD_POST, ROOT("/entities"), api_entity_create, "local", JD_R_BODY | JD_R_SLASH, "Create an entity (5.6.1)"},
    {JD_GET, ROOT("/entities"), api_entities_query, SELECT SHOW JOIN MAP PAGE ORDER, JD_R_SLASH,
     "Query entities (5.7.2)"},
    {JD_DELETE, ROOT("/entities"), api_entities_purge, SELECT " attrs keep drop geometryProperty", JD_R_SLASH,
     "Purge entities (5.6.21)"},
    {JD_PUT, ROOT("/entities"), api_entity_nameless, "*", JD_R_BODY | JD_R_SLASH, "Refused: the id is missing"},
    {JD_PATCH, ROOT("/entities"), api_entity_nameless, "*", JD_R_BODY | JD_R_SLASH, "Refused: the id is missing"},
    {JD_GET, ROOT("/entities/{id}"), api_entity_get, "type local" SHOW JOIN MAP, JD_R_SLASH,
     "Retrieve an entity (5.7.1)"},
    {JD_PUT, ROOT("/entities/{id}"), api_entity_replace, "type local", JD_R_BODY, "Replace an entity (5.6.18)"},
    {JD_PATCH, ROOT("/entities/{id}"), api_entity_merge, "type local format options lang observedAt", JD_R_BODY,
     "Merge an entity (5.6.17)"},
    {JD_DELETE, ROOT("/entities/{id}"), api_entity_delete, "type local", 0, "Delete an entity (5.6.6)"},
    {JD_POST, ROOT("/entities/{id}/attrs"), api_attrs_append, "type local options", JD_R_BODY | JD_R_SLASH,
     "Append attributes (5.6.3)"},
    {JD_PATCH, ROOT("/entities/{id}/attrs"), api_attrs_update, "type local options", JD_R_BODY | JD_R_SLASH,
     "Update attributes (5.6.2)"},
    {JD_PATCH, ROOT("/entities/{id}/attrs/{attr}"), api_attr_patch, "type local", JD_R_BODY,
     "Partial attribute update (5.6.4)"},
    {JD_PUT, ROOT("/entities/{id}/attrs/{attr}"), api_attr_replace, "type local", JD_R_BODY,
     "Replace an attribute (5.6.19)"},
    {JD_DELETE, ROOT("/entities/{id}/attrs/{attr}"), api_attr_delete, "type local datasetId deleteAll", 0,
     "Delete an attribute (5.6.5)"},

    {JD_POST, ROOT("/entityOperations/create"), api_batch_create, "local", JD_R_BODY | JD_R_SLASH,
     "Create a batch of entities (5.6.7)"},
    {JD_POST, ROOT("/entityOperations/upsert"), api_batch_upsert, "local options", JD_R_BODY | JD_R_SLASH,
     "Create or update a batch (5.6.8)"},
    {JD_POST, ROOT("/entityOperations/update"), api_batch_update, "local options", JD_R_BODY | JD_R_SLASH,
     "Update a batch (5.6.9)"},
    {JD_POST, ROOT("/entityOperations/merge"), api_batch_merge, "local", JD_R_BODY | JD_R_SLASH,
     "Merge a batch (5.6.20)"},
    {JD_POST, ROOT("/entityOperations/delete"), api_batch_delete, "local", JD_R_BODY | JD_R_SLASH,
     "Delete a batch (5.6.10)"},
    {JD_POST, ROOT("/entityOperations/query"), api_entities_query_post, "local format options" PAGE MAP,
     JD_R_BODY | JD_R_SLASH, "Query entities by a body (5.7.2)"},

    {JD_POST, ROOT("/temporal/entities"), api_temporal_upsert, "local", JD_R_BODY | JD_R_SLASH,
     "Create or update the evolution of an entity (5.6.11)"},
    {JD_GET, ROOT("/temporal/entities"), api_temporal_query, SELECT SHOW_TIME TIME MAP PAGE " orderBy", JD_R_SLASH,
     "Query evolutions (5.7.4)"},
    {JD_GET, ROOT("/temporal/entities/{id}"), api_temporal_get, "local" SHOW_TIME TIME MAP, JD_R_SLASH,
     "Retrieve the evolution of an entity (5.7.3)"},
    {JD_DELETE, ROOT("/temporal/entities/{id}"), api_temporal_delete, "local", 0,
     "Delete the evolution of an entity (5.6.16)"},
    {JD_POST, ROOT("/temporal/entities/{id}/attrs"), api_temporal_append, "local", JD_R_BODY | JD_R_SLASH,
     "Add instances of attributes (5.6.12)"},
    {JD_DELETE, ROOT("/temporal/entities/{id}/attrs/{attr}"), api_temporal_attr_delete, "local datasetId deleteAll", 0,
     "Delete an attribute from an evolution (5.6.13)"},
    {JD_PATCH, ROOT("/temporal/entities/{id}/attrs/{attr}"), api_temporal_attr_patch, "*", JD_R_SLASH,
     "Refused: the instanceId is missing"},
    {JD_PATCH, ROOT("/temporal/entities/{id}/attrs/{attr}/{instance}"), api_temporal_instance_patch, "local", JD_R_BODY,
     "Modify one instance (5.6.14)"},
    {JD_DELETE, ROOT("/temporal/entities/{id}/attrs/{attr}/{instance}"), api_temporal_instance_delete, "local", 0,
     "Delete one instance (5.6.15)"},
    {JD_POST, ROOT("/temporal/entityOperations/query"), api_temporal_query_post, "local format options" PAGE MAP,
     JD_R_BODY | JD_R_SLASH, "Query evolutions by a body (5.7.4)"},
    {JD_POST, ROOT("/temporal/entityOperations/upsert"), api_batch_temporal, "local", JD_R_BODY | JD_R_SLASH | JD_R_OWN,
     "Create or update the evolutions of a batch of entities"},

    {JD_GET, ROOT("/types"), api_types_list, "details local", JD_R_SLASH, "Entity types (5.7.5, 5.7.6)"},
    {JD_GET, ROOT("/types/{type}"), api_type_get, "local", JD_R_SLASH, "One entity type (5.7.7)"},
    {JD_GET, ROOT("/attributes"), api_attributes_list, "details local", JD_R_SLASH, "Attributes (5.7.8, 5.7.9)"},
    {JD_GET, ROOT("/attributes/{attr}"), api_attribute_get, "local", JD_R_SLASH, "One attribute (5.7.10)"},

    {JD_POST, ROOT("/jsonldContexts"), api_contexts_add, NULL, JD_R_BODY | JD_R_SLASH, "Host an @context (5.13.2)"},
    {JD_GET, ROOT("/jsonldContexts"), api_contexts_list, "details kind", JD_R_SLASH,
     "Hosted and cached @contexts (5.13.3)"},
    {JD_GET, ROOT("/jsonldContexts/{contextId}"), api_context_get, "details", 0, "One @context (5.13.4)"},
    {JD_DELETE, ROOT("/jsonldContexts/{contextId}"), api_context_delete, "reload", 0,
     "Delete or reload an @context (5.13.5)"},
    {JD_GET, ROOT("/info/sourceIdentity"), api_source_identity, NULL, JD_R_SLASH, "Who this context source is (5.17)"},

    {JD_POST, "/api/backup", api_backup, NULL, JD_R_BODY | JD_R_OWN,
     "Write a consistent back-up into a new file of this machine"},
    {JD_GET, "/api/history/policies", api_policies_list, NULL, JD_R_SLASH | JD_R_OWN,
     "How long readings are kept as they came, and as which roll-ups after"},
    {JD_PUT, "/api/history/policies/{name}", api_policy_put, NULL, JD_R_BODY | JD_R_OWN,
     "Declare how long readings of some entity types are kept"},
    {JD_DELETE, "/api/history/policies/{name}", api_policy_delete, NULL, JD_R_OWN, "Forget such a declaration"},
    {JD_POST, "/api/history/settle", api_history_settle, NULL, JD_R_BODY | JD_R_OWN,
     "Seal readings in memory, merge all sealed ones and apply the policies now"},

    {JD_GET, "/api/links", api_links_list, NULL, JD_R_SLASH | JD_R_OWN,
     "Links that devices speak on, with their counters"},
    {JD_GET, "/api/links/{name}", api_link_get, NULL, JD_R_OWN, "One link and its declaration"},
    {JD_PUT, "/api/links/{name}", api_link_put, NULL, JD_R_BODY | JD_R_OWN, "Declare a link, and open it"},
    {JD_DELETE, "/api/links/{name}", api_link_delete, NULL, JD_R_OWN, "Close a link; its devices and readings stay"},
    {JD_GET, "/api/links/{name}/quarantine", api_link_quarantine, "limit", JD_R_OWN,
     "Frames of a link that were set aside, each with its reason"},
    {JD_GET, "/api/devices", api_devices_list, "link state limit offset", JD_R_SLASH | JD_R_OWN,
     "Devices and their health"},
    {JD_GET, "/api/devices/{link}/{device}", api_device_get, NULL, JD_R_OWN,
     "One device: health, and its last frames as bytes beside their meaning"},
    {JD_POST, "/api/devices/{link}/{device}/claim", api_device_claim, NULL, JD_R_BODY | JD_R_OWN,
     "Claim a device: its entity gets types, a place, a name"},
    {JD_POST, "/api/devices/{link}/{device}/refuse", api_device_refuse, NULL, JD_R_BODY | JD_R_OWN,
     "Take no more frames of a device"},
    {JD_POST, "/api/devices/{link}/{device}/commands", api_device_command, "timeout", JD_R_BODY | JD_R_OWN,
     "Send a command to a device, and watch it"},

    {JD_GET, "/api/mappings", api_mappings_list, NULL, JD_R_SLASH | JD_R_OWN,
     "Mappings: how rows of tables become readings"},
    {JD_GET, "/api/mappings/{name}", api_mapping_get, NULL, JD_R_OWN, "One mapping, as it was sent"},
    {JD_PUT, "/api/mappings/{name}", api_mapping_put, NULL, JD_R_BODY | JD_R_OWN,
     "Keep a mapping; one that does not compile is refused with its place"},
    {JD_DELETE, "/api/mappings/{name}", api_mapping_delete, NULL, JD_R_OWN, "Forget a mapping"},
    {JD_POST, "/api/tables", api_table_post, "mapping name dryRun", JD_R_BODY | JD_R_SLASH | JD_R_OWN,
     "Take a table through a mapping, and tell what became of it"},
    {JD_GET, "/api/tables", api_tables_list, NULL, JD_R_SLASH | JD_R_OWN, "The newest tables and their reports"},
    {JD_POST, "/api/tables/profile", api_table_profile, "name", JD_R_BODY | JD_R_OWN,
     "What a table holds, and a mapping that would take it"},
    {JD_GET, "/api/tables/{id}", api_table_get, NULL, JD_R_OWN, "The report of one table"},
    {JD_GET, "/api/tables/{id}/refused", api_table_refused, NULL, JD_R_OWN,
     "Its rows that were set aside, as a table that can be mended and sent again"},

    {JD_GET, "/api/packs", api_packs_list, NULL, JD_R_SLASH | JD_R_OWN, "Packs: what systems this city has"},
    {JD_POST, "/api/packs", api_packs_post, "check force", JD_R_BODY | JD_R_SLASH | JD_R_OWN,
     "Install a pack whole, or a newer version of it; or only check it"},
    {JD_GET, "/api/packs/{name}", api_pack_get, NULL, JD_R_OWN, "One pack: its state, models, views, rules"},
    {JD_DELETE, "/api/packs/{name}", api_pack_delete, NULL, JD_R_OWN, "Remove a pack; what was told of entities stays"},
    {JD_GET, "/api/packs/{name}/context.jsonld", api_pack_context, NULL, JD_R_OWN, "The @context of a pack"},
    {JD_GET, "/api/schemas", api_schemas_list, NULL, JD_R_SLASH | JD_R_OWN, "Published schemas of declarations"},
    {JD_GET, "/api/schemas/{kind}", api_schema_get, NULL, JD_R_OWN, "One of them (JSON Schema 2020-12)"},
    {JD_GET, "/api/rules", api_rules_list, NULL, JD_R_SLASH | JD_R_OWN, "Rules and derivations of all packs"},
    {JD_GET, "/api/rules/{pack}/{rule}", api_rule_get, NULL, JD_R_OWN, "One rule, with its counters"},
    {JD_GET, "/api/rules/{pack}/{rule}/explain", api_rule_explain, "entity", JD_R_OWN,
     "What a rule says of an entity now, expression by expression"},

    {JD_GET, "/api/console", api_console_get, NULL, JD_R_SLASH | JD_R_OWN,
     "Settings of the console: what it shows of its city"},
    {JD_GET, "/api/console/context.jsonld", api_console_context, NULL, JD_R_OWN,
     "All names of the city, its packs and alerts, as one @context"},

    {JD_GET, "/api/contacts", api_contacts_list, "limit offset", JD_R_SLASH | JD_R_OWN, "People who are told"},
    {JD_GET, "/api/contacts/{id}", api_contact_get, NULL, JD_R_OWN, "One contact"},
    {JD_PUT, "/api/contacts/{id}", api_contact_put, NULL, JD_R_BODY | JD_R_OWN,
     "Keep a contact: addresses, quiet hours, deputies, how often at the most"},
    {JD_DELETE, "/api/contacts/{id}", api_contact_delete, NULL, JD_R_OWN, "Forget a contact that nobody names"},
    {JD_GET, "/api/rosters", api_rosters_list, "limit offset", JD_R_SLASH | JD_R_OWN, "Duty rosters"},
    {JD_GET, "/api/rosters/{id}", api_roster_get, NULL, JD_R_OWN, "One roster"},
    {JD_PUT, "/api/rosters/{id}", api_roster_put, NULL, JD_R_BODY | JD_R_OWN,
     "Keep a roster: shifts of the week, exceptions, deputies"},
    {JD_DELETE, "/api/rosters/{id}", api_roster_delete, NULL, JD_R_OWN, "Forget a roster"},
    {JD_GET, "/api/rosters/{id}/duty", api_roster_duty, "at", JD_R_OWN, "Who is on duty, now or then"},
    {JD_GET, "/api/channels", api_channels_list, "limit offset", JD_R_SLASH | JD_R_OWN,
     "Ways to reach people; secrets are not shown"},
    {JD_GET, "/api/channels/{id}", api_channel_get, NULL, JD_R_OWN, "One channel; secrets are not shown"},
    {JD_PUT, "/api/channels/{id}", api_channel_put, NULL, JD_R_BODY | JD_R_OWN,
     "Keep a channel: a mail server, or an HTTP request as a template"},
    {JD_DELETE, "/api/channels/{id}", api_channel_delete, NULL, JD_R_OWN, "Forget a channel that no contact names"},
    {JD_POST, "/api/channels/{id}/test", api_channel_test, NULL, JD_R_BODY | JD_R_OWN,
     "Send a test through a channel, and tell what its far end said"},
    {JD_GET, "/api/alerts", api_alerts_list, "status severity pack rule entity category silenced limit offset count",
     JD_R_SLASH | JD_R_OWN, "Alerts, the worst first, then the newest"},
    {JD_GET, "/api/alerts/context.jsonld", api_alerts_context, NULL, JD_R_OWN, "The names of alerts, as an @context"},
    {JD_POST, "/api/alerts/cap", api_alert_cap_post, NULL, JD_R_BODY | JD_R_OWN,
     "Take a message of the Common Alerting Protocol 1.2"},
    {JD_GET, "/api/alerts/{id}/cap", api_alert_cap_get, NULL, JD_R_OWN, "One alert as a message of CAP 1.2"},
    {JD_GET, "/api/alerts/{id}", api_alert_get, NULL, JD_R_OWN, "One alert"},
    {JD_POST, "/api/alerts/{id}/acknowledge", api_alert_acknowledge, NULL, JD_R_BODY | JD_R_OWN,
     "Somebody takes care of it"},
    {JD_POST, "/api/alerts/{id}/comment", api_alert_comment, NULL, JD_R_BODY | JD_R_OWN, "A comment on it"},
    {JD_POST, "/api/alerts/{id}/clear", api_alert_clear, NULL, JD_R_BODY | JD_R_OWN,
     "Cleared by hand; it comes again when its rule holds again after it did not"},
    {JD_POST, "/api/alerts/{id}/silence", api_alert_silence, NULL, JD_R_BODY | JD_R_OWN,
     "Nobody is told of it until a time, unless it becomes worse; it stays, and is judged"},
    {JD_DELETE, "/api/alerts/{id}/silence", api_alert_unsilence, "by", JD_R_OWN, "End its silence"},
    {JD_GET, "/api/messages", api_messages_list, "state severity contact group since limit offset",
     JD_R_SLASH | JD_R_OWN, "Messages to people, the newest first"},
    {JD_POST, "/api/messages", api_messages_post, NULL, JD_R_BODY | JD_R_SLASH | JD_R_OWN,
     "Tell people something, once or as a list"},
    {JD_GET, "/api/messages/{id}", api_message_get, NULL, JD_R_OWN, "One message, and what became of it"},
    {JD_POST, "/api/messages/{id}/read", api_message_read, "by key", JD_R_OWN,
     "Somebody has read it: it goes on to nobody else"},
    {JD_GET, "/api/messages/{id}/link", api_message_link, "by key", JD_R_OWN,
     "The page behind the link that a person was sent"},

    {JD_POST, ROOT("/subscriptions"), api_sub_create, "local", JD_R_BODY | JD_R_SLASH, "Create a subscription (5.8.1)"},
    {JD_GET, ROOT("/subscriptions"), api_subs_list, "limit offset count options local", JD_R_SLASH,
     "Query subscriptions (5.8.4)"},
    {JD_GET, ROOT("/subscriptions/{id}"), api_sub_get, "options local", 0, "Retrieve a subscription (5.8.3)"},
    {JD_PATCH, ROOT("/subscriptions/{id}"), api_sub_patch, "local", JD_R_BODY, "Update a subscription (5.8.2)"},
    {JD_DELETE, ROOT("/subscriptions/{id}"), api_sub_delete, "local", 0, "Delete a subscription (5.8.5)"},
    {JD_GET, "/api/subscriptions/{id}/explain", api_sub_explain, "entity", JD_R_OWN,
     "Would a subscription tell of an entity, and if not, why not?"},
    {JD_GET, "/api/subscriptions/{id}/attempts", api_sub_attempts, NULL, JD_R_OWN,
     "What became of the last attempts to notify, what waits, and dead letters"},
    {JD_POST, "/api/subscriptions/{id}/resend", api_sub_resend, NULL, JD_R_OWN,
     "Put the dead letters of a subscription back into the queue"},
    {JD_POST, "/api/subscriptions/{id}/replay", api_sub_replay, "since", JD_R_OWN,
     "Tell of all that a subscription selects and that changed since then, as it is now"},
    {JD_POST, "/api/subscriptions/dry-run", api_sub_dry_run, NULL, JD_R_BODY | JD_R_OWN,
     "Check a subscription without keeping it: of which entities would it tell?"},
    {JD_GET, "/api/live", api_live,
     "type id idPattern attrs q scopeQ georel geometry geoproperty coordinates format options diff every lastEventId "
     "tenant context",
     JD_R_SLASH | JD_R_OWN, "Changes as they happen: server-sent events that can be gone on with"},
    UNBUILT(JD_POST, "/csourceRegistrations"),
    UNBUILT(JD_GET, "/csourceRegistrations"),
    UNBUILT(JD_GET, "/csourceRegistrations/{id}"),
    UNBUILT(JD_PATCH, "/csourceRegistrations/{id}"),
    UNBUILT(JD_DELETE, "/csourceRegistrations/{id}"),
    UNBUILT(JD_POST, "/csourceSubscriptions"),
    UNBUILT(JD_GET, "/csourceSubscriptions"),
    UNBUILT(JD_GET, "/csourceSubscriptions/{id}"),
    UNBUILT(JD_PATCH, "/csourceSubscriptions/{id}"),
    UNBUILT(JD_DELETE, "/csourceSubscriptions/{id}"),
    UNBUILT(JD_GET, "/temporal/entityMaps"),
    UNBUILT(JD_GET, "/entityMaps"),
    UNBUILT(JD_GET, "/entityMaps/{id}"),
    UNBUILT(JD_PATCH, "/entityMaps/{id}"),
    UNBUILT(JD_DELETE, "/entityMaps/{id}"),
    UNBUILT(JD_POST, "/snapshots"),
    UNBUILT(JD_DELETE, "/snapshots"),
    UNBUILT(JD_GET, "/snapshots/{id}"),
    UNBUILT(JD_PATCH, "/snapshots/{id}"),
    UNBUILT(JD_DELETE, "/snapshots/{id}"),
    UNBUILT(JD_POST, "/snapshots/{id}/clone"),
};

const jd_route *jd_api_routes(size_t *n) {
    *n = sizeof rows / sizeof *rows;
    return rows;
}

int jd_api_start(jd_api *api, jd_err *err) {
    if (!api->limit_default) api->limit_default = 20;
    if (!api->limit_max) api->limit_max = 1000;
    if (api->limit_default > api->limit_max) api->limit_default = api->limit_max;
    if (!api->batch_max) api->batch_max = 10000;
    if (!api->temporal_page) api->temporal_page = 10000;
    if (!api->fast_max) api->fast_max = 500;
    if (!api->alias.n) api->alias = JD_STR("jindu");
    api->started = jd_now();
    return api_contexts_load(api, err) || api_console_open(api, err);
}

void jd_api_stop(jd_api *api) {
    api_console_close(api);
}
