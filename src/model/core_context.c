/* The core @context of NGSI-LD 1.9 (GS CIM 009 annex B) as a table of facts: each term, its IRI, its type, its
 * container. A word alone stands for ngsi-ld:<word>; "word=IRI" says it in full. */
#include "model/context_int.h"

typedef struct group {
    const char *type, *container, *terms;
} group;

static const group groups[] = {
    {NULL, NULL, "ngsi-ld=https://uri.etsi.org/ngsi-ld/ geojson=https://purl.org/geojson/vocab# id=@id type=@type"},
    /* kinds of things */
    {NULL, NULL,
     "Attribute AttributeList ContextSourceIdentity ContextSourceNotification ContextSourceRegistration Date "
     "DateTime EntityMap EntityType EntityTypeInfo EntityTypeList ExecutionResultDetails GeoProperty JsonProperty "
     "LanguageProperty ListProperty ListRelationship Notification Property Relationship Snapshot "
     "SnapshotNotification Subscription TemporalProperty Time VocabProperty "
     "langString=http://www.w3.org/1999/02/22-rdf-syntax-ns#langString"},
    /* GeoJSON */
    {NULL, NULL,
     "Feature=geojson:Feature FeatureCollection=geojson:FeatureCollection "
     "GeometryCollection=geojson:GeometryCollection LineString=geojson:LineString "
     "MultiLineString=geojson:MultiLineString MultiPoint=geojson:MultiPoint MultiPolygon=geojson:MultiPolygon "
     "Point=geojson:Point Polygon=geojson:Polygon geometry=geojson:geometry properties=geojson:properties"},
    {NULL, "@list", "bbox=geojson:bbox coordinates=geojson:coordinates"},
    {NULL, "@set", "features=geojson:features"},
    /* members without a type */
    {NULL, NULL,
     "accept aggrMethods aggrParams aggrPeriodDuration attributeCount attributeDetails attrs cacheDuration "
     "collation containedBy=ngsi-ld:isContainedBy contextSourceAlias contextSourceInfo contextSourceUptime "
     "cooldown csf data description=http://purl.org/dc/terms/description detail endpoint entities entity "
     "entityCount entityMapLifetime=ngsi-ld:hasEntityMapLifetime error errors expandValues format geoQ geoproperty "
     "georel idPattern information isActive join joinLevel=ngsi-ld:hasJoinLevel jsonKeys jsonldContext "
     "key=ngsi-ld:hasKey lang lastN linkedMaps localOnly location management managementInterval mode "
     "ngsildConformance notUpdated notification notificationTrigger notifierInfo observationInterval "
     "observationSpace omit operationSpace operations ordering pick previousValue=ngsi-ld:hasPreviousValue q "
     "reason receiverInfo refreshRate registrationId registrationName resultStatus scope scopeQ showChanges "
     "snapshotId snapshotLifetime snapshotPriority snapshotStatus splitEntities=ngsi-ld:hasSplitEntities status "
     "subscriptionName sysAttrs temporalQ throttling timeInterval timeout timeproperty timerel timesFailed "
     "timesSent title=http://purl.org/dc/terms/title triggerReason unchanged unitCode updated uri "
     "value=ngsi-ld:hasValue"},
    /* times */
    {"DateTime", NULL,
     "contextSourceTimeAt createdAt deletedAt endAt endTimeAt expiresAt lastFailure lastNotification lastSuccess "
     "lastUsedAt modifiedAt notifiedAt observedAt startAt timeAt"},
    /* what names things */
    {"@id", NULL,
     "datasetId entityId instanceId object=ngsi-ld:hasObject previousObject=ngsi-ld:hasPreviousObject "
     "subscriptionId success tenant"},
    {"@vocab", NULL,
     "attributeList attributeName attributeNames attributeTypes attributes objectType=ngsi-ld:hasObjectType "
     "previousVocab=ngsi-ld:hasPreviousVocab propertyNames relationshipNames typeList typeName typeNames "
     "valueType=ngsi-ld:hasValueType vocab=ngsi-ld:hasVocab watchedAttributes"},
    {"@json", NULL, "contextSourceExtras json=ngsi-ld:hasJSON previousJson=ngsi-ld:hasPreviousJson problemDetails"},
    /* maps and lists */
    {NULL, "@index", "dataset=ngsi-ld:hasDataset entityMap=ngsi-ld:hasEntityMap"},
    {NULL, "@language", "languageMap=ngsi-ld:hasLanguageMap previousLanguageMap=ngsi-ld:hasPreviousLanguageMap"},
    {NULL, "@list",
     "avg distinctCount entityList jsons languageMaps=ngsi-ld:hasLanguageMaps max min "
     "objectList=ngsi-ld:hasObjectList objectLists=ngsi-ld:hasObjectLists objects=ngsi-ld:hasObjects orderBy "
     "previousObjectList=ngsi-ld:hasPreviousObjectList previousValueList=ngsi-ld:hasPreviousValueList "
     "snapshotQueries snapshotQueriesDetails snapshotTemporalQueries snapshotTemporalQueriesDetails stddev sum "
     "sumsq totalCount valueList=ngsi-ld:hasValueList valueLists=ngsi-ld:hasValueLists values=ngsi-ld:hasValues "
     "vocabs=ngsi-ld:hasVocabs"},
};

/* The only scoped context of the core. The terms inside are those of a sealed entity's proof, which is kept as it
 * comes. */
static const char proof[] =
    "\"ngsildproof\":{\"@id\":\"ngsi-ld:ngsildproof\",\"@context\":[{\"entityIdSealed\":\"ngsi-ld:entityIdSealed\","
    "\"entityTypeSealed\":{\"@id\":\"ngsi-ld:entityTypeSealed\",\"@type\":\"@vocab\"}},"
    "\"https://w3id.org/security/data-integrity/v2\"]},";

static void write_term(jd_buf *b, const group *g, const char *word, size_t n) {
    const char *eq = memchr(word, '=', n);
    size_t name = eq ? (size_t)(eq - word) : n;
    int plain = !g->type && !g->container;
    jd_buf_printf(b, "\"%.*s\":%s\"", (int)name, word, plain ? "" : "{\"@id\":");
    if (eq)
        jd_buf_add(b, eq + 1, n - name - 1);
    else
        jd_buf_printf(b, "ngsi-ld:%.*s", (int)n, word);
    jd_buf_c(b, '"');
    if (g->type) jd_buf_printf(b, ",\"@type\":\"%s\"", g->type);
    if (g->container) jd_buf_printf(b, ",\"@container\":\"%s\"", g->container);
    jd_buf_z(b, plain ? "," : "},");
}

void ctx__core_text(jd_buf *b) {
    jd_buf_z(b, "{\"@context\":{\"@version\":1.1,\"@protected\":true,");
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        for (const char *p = groups[i].terms; *p;) {
            size_t n = strcspn(p, " ");
            write_term(b, &groups[i], p, n);
            p += n;
            p += *p == ' ';
        }
    }
    jd_buf_z(b, proof);
    jd_buf_z(b, "\"@vocab\":\"" JD_DEFAULT_VOCAB "\"}}");
}

/* Whole URLs only: what merely looks like one of these is not the core context. */
int ctx__is_core_url(jd_str url) {
    static const char stem[] = "://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context", tail[] = ".jsonld";
    jd_str s = url;
    if (jd_str_starts(s, JD_STR("https")))
        s.p += 5, s.n -= 5;
    else if (jd_str_starts(s, JD_STR("http")))
        s.p += 4, s.n -= 4;
    else
        return 0;
    if (!jd_str_starts(s, JD_STR(stem))) return 0;
    s.p += sizeof stem - 1, s.n -= sizeof stem - 1;
    if (s.n > 5 && jd_str_starts(s, JD_STR("-v1.")) && s.p[4] >= '0' && s.p[4] <= '9') s.p += 5, s.n -= 5;
    return jd_str_is(s, tail);
}
