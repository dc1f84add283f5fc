/** What programs may rely on; everything else may change. */
export { Client } from "./client.js";
export { ApiError } from "./connection.js";
export { foreignId, partsOf } from "./foreign_ids.js";
export { BadWebhook, readWebhook } from "./webhooks.js";
/** @typedef {import("../types/api.js").Article} Article */
/** @typedef {import("./client.js").ListOptions} ListOptions */
/** @typedef {import("../types/api.js").RelatedRequest} RelatedRequest */
/** @typedef {import("./client.js").FragmentOptions} FragmentOptions */
/** @typedef {import("./client.js").WriteOptions} WriteOptions */
/** @typedef {import("./client.js").NotReady} NotReady */
/** @typedef {import("./client.js").Visibility} Visibility */
/** @typedef {import("./client.js").Deletion} Deletion */
/** @typedef {import("./webhooks.js").Webhook} Webhook */
/** @typedef {import("./connection.js").CallOptions} CallOptions */
/** @typedef {import("./connection.js").ConnectionOptions} ConnectionOptions */
/** @typedef {import("../types/api.js").BulkItem} BulkItem */
/** @typedef {import("../types/api.js").FieldFault} FieldFault */
/** @typedef {import("../types/api.js").Item} Item */
/** @typedef {import("../types/api.js").Override} Override */
/** @typedef {import("../types/api.js").RelatedList} RelatedList */
/** @typedef {import("../types/api.js").Written} Written */
