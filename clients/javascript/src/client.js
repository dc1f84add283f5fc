/** A typed client of the HTTP API, for a CMS or a script. Fields are named as in the API. */

import { asLine, loadsOf, sendLoad } from "./bulk.js";
import { ApiError, Connection, pathOf, queryOf, readAnswer } from "./connection.js";

/**
 * @import {
 *   AppearsIn, Article, ArticlePage, ArticlePatch, WriteStatus, AuditPage, AuditRecord, BlocksNow, Decision, DecisionNow,
 *   BulkItem, IdPage, ListOptions as ApiListOptions, Override, PinsNow, Readiness, RelatedList, RelatedLists,
 *   RelatedRequest, Written,
 * } from "../types/api.js"
 * @import { CallOptions, ConnectionOptions, Sending } from "./connection.js"
 */

/** @typedef {"id" | "article_id" | "translation_of"} NamedById */
/** @typedef {`${string}_at` | `${string}_until` | `published_${string}`} NamedByTime */
/**
 * @template K
 * @typedef {K extends NamedById ? number : K extends NamedByTime ? Date : never} Also
 */
/**
 * What is sent: an id may be a number, and a time a `Date`.
 * @template T
 * @typedef {{ [K in keyof T]: T[K] | Also<K> }} Given
 */
/**
 * @typedef {object} Dates how the dates of a list on a page are written.
 * @property {"iso" | "long" | "relative"} [dates]
 * @property {string} [time_zone] such as `Asia/Dushanbe`.
 */
/** @typedef {Given<ApiListOptions> & { presentation?: boolean } & Dates} ListOptions */
/**
 * @typedef {object} Look how a list in HTML looks.
 * @property {string} [heading] the words over it.
 * @property {number} [heading_level] 2 to 6.
 * @property {"list" | "list-thumbs" | "cards" | "compact"} [layout]
 * @property {boolean} [stylesheet] false: without the link to the service's stylesheet.
 * @property {boolean} [images] by default as the layout has it.
 * @property {boolean} [labels]
 */
/**
 * The options of a list in HTML.
 * @typedef {Omit<ListOptions, "explain" | "presentation"> & Look} FragmentOptions
 */
/**
 * How a write is called. With `wait` the answer comes when the write shows in every worker.
 * @typedef {CallOptions & { wait?: boolean }} WriteOptions
 */
/**
 * How pins, blocks and decisions are changed. `seen` is the `change` of what is to be replaced, as it was
 * read: if somebody else has changed it since, the call is rejected with the status 412. Without it any is.
 * @typedef {WriteOptions & { seen?: number }} ChangeOptions
 */
/**
 * Whether a write shows in every worker now. It is true only if the call waited, and the time that
 * the service waits was enough. The write is stored in any case.
 * @typedef {{ visible: boolean }} Visibility
 */
/**
 * @typedef {object} NotReady the service is there, but has nothing to answer from yet.
 * @property {"not ready"} status
 * @property {string} detail why.
 * @property {number | null} retryAfter seconds that it asks to wait.
 */
/** @typedef {{ delete: { id: string | number } }} Deletion a line of a bulk load */

const SEARCH_TIMEOUT = 30_000; // ms, of `appearsIn`; the service searches for eight seconds
const LONGEST_QUERY = 7_500; // characters; servers refuse an address of more than some 8,000
const ACCEPTED = 202;
const AWAY = 503;
const NAMED_BY_ID = new Set(["id", "article_id", "translation_of"]);

/** Asks one Read Also service. Each call is rejected with an ApiError if the service refuses it. */
export class Client {
  #connection;

  /**
   * Connects to nothing yet.
   * @param {string} base where the service is, without `/v1`.
   * @param {ConnectionOptions} [options]
   */
  constructor(base, options) {
    this.#connection = new Connection(base, options);
  }

  /**
   * The list under an article. A query too long for an address is sent as a body.
   * @param {string | number} articleId
   * @param {ListOptions} [options]
   * @param {CallOptions} [call]
   * @returns {Promise<RelatedList>}
   */
  related(articleId, options = {}, call = {}) {
    const query = queryOf(options);
    if (String(new URLSearchParams(query)).length > LONGEST_QUERY) {
      const json = { article_id: String(articleId), ...options };
      return this.#read("items", "POST", "/v1/related", { json, ...call });
    }
    return this.#read("items", "GET", pathOf(articleId, "/related"), { query, ...call });
  }

  /**
   * The list as an escaped section of HTML; empty if the list is empty.
   * @param {string | number} articleId
   * @param {FragmentOptions} [options]
   * @param {CallOptions} [call]
   */
  async relatedHtml(articleId, options = {}, { signal } = {}) {
    const sending = { query: queryOf(options), signal };
    return (await this.#connection.call("GET", pathOf(articleId, "/related.html"), sending)).text;
  }

  /**
   * The list that a text would get. Nothing is stored.
   * @param {Given<RelatedRequest>} draft the fields of a text, and the options of the list.
   * @param {CallOptions} [call]
   * @returns {Promise<RelatedList>}
   */
  relatedForDraft(draft, { signal } = {}) {
    return this.#read("items", "POST", "/v1/related", { json: document(draft), signal });
  }

  /**
   * A list that is like some articles, such as a reader's last ones. Nothing is stored.
   * @param {readonly (string | number)[]} like
   * @param {ListOptions & { unlike?: readonly (string | number)[] }} [options]
   * @param {CallOptions} [call]
   * @returns {Promise<RelatedList>}
   */
  relatedLike(like, { unlike = [], ...options } = {}, { signal } = {}) {
    const json = { like: like.map(String), unlike: unlike.map(String), ...options };
    return this.#read("items", "POST", "/v1/related", { json, signal });
  }

  /**
   * Lists for one page, which do not repeat each other.
   * @param {readonly Given<RelatedRequest>[]} requests each with an `article_id` or a text.
   * @param {CallOptions} [call]
   * @returns {Promise<readonly RelatedList[]>}
   */
  async relatedLists(requests, { signal } = {}) {
    const json = { requests: requests.map(document) };
    const sending = { json, signal };
    /** @type {RelatedLists} */
    const { lists } = await this.#read("lists", "POST", "/v1/related", sending);
    return lists;
  }

  /**
   * Store an article.
   * @param {Given<Article>} article
   * @param {WriteOptions} [call]
   */
  put(article, call) {
    const json = document(article);
    return this.#write("PUT", pathOf(article.id), json, call);
  }

  /**
   * Change some fields of an article; null removes one.
   * @param {string | number} articleId
   * @param {Given<ArticlePatch>} changes
   * @param {WriteOptions} [call]
   */
  patch(articleId, changes, call) {
    return this.#write("PATCH", pathOf(articleId), document(changes), call);
  }

  /**
   * An article as it was given.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<Article>}
   */
  get(articleId, { signal } = {}) {
    return this.#read("id", "GET", pathOf(articleId), { signal });
  }

  /**
   * How far the last write of an article has come: whether every worker shows it, what it waits for,
   * and what is wrong with a text that cannot be read.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<WriteStatus>}
   */
  status(articleId, { signal } = {}) {
    return this.#read("state", "GET", pathOf(articleId, "/status"), { signal });
  }

  /**
   * Delete an article; doing so twice is fine.
   * @param {string | number} articleId
   * @param {WriteOptions} [call]
   */
  delete(articleId, call) {
    return this.#remove(pathOf(articleId), call);
  }

  /**
   * Store and delete many, in order, in as many requests as it takes. The answers come in the order
   * of the writes. Lines that the service could not do now are sent again.
   * @param {Iterable<Given<Article> | Deletion> | AsyncIterable<Given<Article> | Deletion>} writes
   * @param {CallOptions} [call]
   * @returns {AsyncGenerator<BulkItem, void, void>}
   */
  async *bulk(writes, { signal } = {}) {
    for await (const load of loadsOf(linesOf(writes))) yield* sendLoad(this.#connection, load, signal);
  }

  /**
   * All articles that are stored, by ascending id, fetched page by page.
   * @param {CallOptions & { pageSize?: number }} [call]
   * @returns {AsyncGenerator<Article, void, void>}
   */
  async *articles({ pageSize = 50, signal } = {}) {
    /** @type {ArticlePage | undefined} */
    let page;
    do {
      const sending = { query: queryOf({ limit: pageSize, cursor: page?.next }), signal };
      page = /** @type {ArticlePage} */ (await this.#read("articles", "GET", "/v1/articles", sending));
      yield* page.articles;
    } while (page.next !== null);
  }

  /**
   * The ids of all articles that are stored, or of those whose id begins with a prefix, ascending.
   * @param {CallOptions & { prefix?: string, pageSize?: number }} [call]
   * @returns {AsyncGenerator<string, void, void>}
   */
  async *articleIds({ prefix, pageSize = 1000, signal } = {}) {
    /** @type {IdPage | undefined} */
    let page;
    do {
      const sending = { query: queryOf({ prefix, limit: pageSize, cursor: page?.next }), signal };
      page = /** @type {IdPage} */ (await this.#read("ids", "GET", "/v1/article-ids", sending));
      yield* page.ids;
    } while (page.next !== null);
  }

  /**
   * The pins of an article, and who set them.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<PinsNow>}
   */
  pins(articleId, { signal } = {}) {
    return this.#read("pins", "GET", pathOf(articleId, "/pins"), { signal });
  }

  /**
   * Replace all pins, in this order.
   * @param {string | number} articleId
   * @param {readonly Given<Override>[]} pins
   * @param {ChangeOptions & { by?: string }} [call] `by` is the editor.
   */
  setPins(articleId, pins, { by = "", ...call } = {}) {
    const json = { pins: pins.map(document), by };
    return this.#write("PUT", pathOf(articleId, "/pins"), json, call);
  }

  /**
   * Remove all pins; doing so twice is fine.
   * @param {string | number} articleId
   * @param {ChangeOptions} [call]
   */
  removePins(articleId, call) {
    return this.#remove(pathOf(articleId, "/pins"), call);
  }

  /**
   * The blocks of an article, and who set them.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<BlocksNow>}
   */
  blocks(articleId, { signal } = {}) {
    return this.#read("blocks", "GET", pathOf(articleId, "/blocks"), { signal });
  }

  /**
   * Replace all blocks.
   * @param {string | number} articleId
   * @param {readonly Given<Override>[]} blocks
   * @param {ChangeOptions & { by?: string }} [call] `by` is the editor.
   */
  setBlocks(articleId, blocks, { by = "", ...call } = {}) {
    const json = { blocks: blocks.map(document), by };
    return this.#write("PUT", pathOf(articleId, "/blocks"), json, call);
  }

  /**
   * Remove all blocks; doing so twice is fine.
   * @param {string | number} articleId
   * @param {ChangeOptions} [call]
   */
  removeBlocks(articleId, call) {
    return this.#remove(pathOf(articleId, "/blocks"), call);
  }

  /**
   * Whether an editor says that no list shows an article, and who says so.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<DecisionNow>}
   */
  never(articleId, { signal } = {}) {
    return this.#read("history", "GET", pathOf(articleId, "/never"), { signal });
  }

  /**
   * Say that no list shows an article.
   * @param {string | number} articleId
   * @param {Given<Decision>} [decision] why, by whom, and for which time.
   * @param {ChangeOptions} [call]
   */
  setNever(articleId, decision = {}, call) {
    return this.#write("PUT", pathOf(articleId, "/never"), document(decision), call);
  }

  /**
   * Let lists show an article again; doing so twice is fine.
   * @param {string | number} articleId
   * @param {ChangeOptions} [call]
   */
  removeNever(articleId, call) {
    return this.#remove(pathOf(articleId, "/never"), call);
  }

  /**
   * Whether an editor says that no list stands under an article, and who says so.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<DecisionNow>}
   */
  noList(articleId, { signal } = {}) {
    return this.#read("history", "GET", pathOf(articleId, "/no-list"), { signal });
  }

  /**
   * Say that no list stands under an article.
   * @param {string | number} articleId
   * @param {Given<Decision>} [decision] why, by whom, and for which time.
   * @param {ChangeOptions} [call]
   */
  setNoList(articleId, decision = {}, call) {
    return this.#write("PUT", pathOf(articleId, "/no-list"), document(decision), call);
  }

  /**
   * Let a list stand under an article again; doing so twice is fine.
   * @param {string | number} articleId
   * @param {ChangeOptions} [call]
   */
  removeNoList(articleId, call) {
    return this.#remove(pathOf(articleId, "/no-list"), call);
  }

  /**
   * The articles whose default list shows this one now.
   * @param {string | number} articleId
   * @param {CallOptions} [call]
   * @returns {Promise<AppearsIn>}
   */
  appearsIn(articleId, { signal } = {}) {
    const sending = { timeout: SEARCH_TIMEOUT, signal };
    return this.#read("appears_in", "GET", pathOf(articleId, "/appears-in"), sending);
  }

  /**
   * What there is to answer from, or why there is nothing yet. It is asked once.
   * @param {CallOptions} [call]
   * @returns {Promise<Readiness | NotReady>}
   */
  async readyz({ signal } = {}) {
    try {
      return await this.#read("generation", "GET", "/readyz", { attempts: 1, signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.status === AWAY)) throw error;
      return { status: "not ready", detail: error.detail, retryAfter: error.retryAfter };
    }
  }

  /**
   * Who changed what, the oldest first, fetched page by page. It needs a key with the scope `admin`.
   * @param {CallOptions & { after?: number, pageSize?: number }} [call] `after`: the last number read.
   * @returns {AsyncGenerator<AuditRecord, void, void>}
   */
  async *audit({ after = 0, pageSize = 100, signal } = {}) {
    /** @type {AuditPage} */
    let page;
    do {
      const sending = { query: queryOf({ after, limit: pageSize }), signal };
      page = await this.#read("entries", "GET", "/v1/audit", sending);
      yield* page.entries;
      after = page.next;
    } while (page.entries.length > 0);
  }

  /**
   * @template T
   * @param {string} field that the answer must have.
   * @param {string} method
   * @param {string} path
   * @param {Sending} sending
   * @returns {Promise<T>}
   */
  async #read(field, method, path, sending) {
    return readAnswer(await this.#connection.call(method, path, sending), field);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} json
   * @param {ChangeOptions | undefined} call
   * @returns {Promise<Written & Visibility>}
   */
  async #write(method, path, json, call) {
    const answer = await this.#connection.call(method, path, { json, ...waiting(call) });
    /** @type {Written} */
    const written = readAnswer(answer, "result");
    return { ...written, ...visibility(answer, call) };
  }

  /**
   * @param {string} path
   * @param {ChangeOptions | undefined} call
   */
  async #remove(path, call) {
    return visibility(await this.#connection.call("DELETE", path, waiting(call)), call);
  }
}

/**
 * @param {ChangeOptions} [call]
 * @returns {Sending}
 */
function waiting({ wait = false, seen, signal } = {}) {
  const query = wait ? { query: { wait: "visible" } } : {};
  const condition = seen === undefined ? {} : { headers: { "If-Match": `"${seen}"` } };
  return { signal, ...query, ...condition };
}

/**
 * @param {{ status: number }} answer
 * @param {WriteOptions} [call]
 * @returns {Visibility}
 */
function visibility({ status }, { wait = false } = {}) {
  return { visible: wait && status !== ACCEPTED };
}

/**
 * Fields as plain JSON: an id that is a number becomes a text.
 * @param {object} fields
 */
function document(fields) {
  const all = Object.entries(fields);
  const ids = all.filter(([name, value]) => NAMED_BY_ID.has(name) && typeof value === "number");
  return { ...fields, ...Object.fromEntries(ids.map(([name, value]) => [name, String(value)])) };
}

/** @param {Iterable<object> | AsyncIterable<object>} writes */
async function* linesOf(writes) {
  for await (const write of writes) {
    yield asLine("delete" in write ? { delete: document(Object(write.delete)) } : document(write));
  }
}
