/** One request and its answer: addresses, time limits, attempts, errors. */

/** @import { FieldFault, Problem } from "../types/api.js" */

/**
 * Sends one request, as the global `fetch` does.
 * @typedef {(address: string, init: RequestInit) => Promise<Response>} Fetch
 */
/**
 * @typedef {object} ConnectionOptions
 * @property {string} [key] the secret of a key. It belongs on a server, never in a page.
 * @property {number} [timeout] milliseconds of each attempt; 10,000 by default.
 * @property {number} [attempts] how often at most a call is made; 3 by default.
 * @property {Fetch} [fetch] sends a request; the global `fetch` by default.
 * @property {(milliseconds: number, signal?: AbortSignal) => Promise<void>} [pause]
 *   waits before the next attempt.
 */
/**
 * @typedef {object} CallOptions
 * @property {AbortSignal} [signal] ends the call; it is then rejected with the signal's reason.
 */
/**
 * @typedef {object} Sending
 * @property {Record<string, string>} [query] the parameters.
 * @property {unknown} [json] the body, as JSON.
 * @property {Uint8Array<ArrayBuffer>} [lines] or the body, as lines of NDJSON.
 * @property {Record<string, string>} [headers] of this call alone.
 * @property {number} [timeout] milliseconds of each attempt, where other calls have less.
 * @property {number} [attempts] how often at most, where other calls are made more often.
 * @property {AbortSignal | undefined} [signal] ends the call.
 */
/**
 * @typedef {object} Answer
 * @property {number} status of HTTP, 200 to 299.
 * @property {string} text the body.
 */

const TRY_AGAIN = new Set([429, 502, 503, 504]);
const FIRST_PAUSE = 1_000; // ms; then twice as long each time, where the service does not say
const LONGEST_PAUSE = 60_000; // ms; who is to wait longer is told so instead
const KEY = /^[\x21-\x7e]+$/;

/** A call that the service refused or did not answer. */
export class ApiError extends Error {
  /**
   * @param {number | null} status of HTTP; null if there was no answer.
   * @param {string} detail what is wrong.
   * @param {Partial<Problem> & { retryAfter?: number | null, cause?: unknown }} [more]
   *   other fields of the problem, and what caused it.
   */
  constructor(status, detail, { title = "", errors = [], request_id = "", retryAfter = null, cause } = {}) {
    const faults = errors.map(({ pointer, detail }) => `; ${pointer || "/"}: ${detail}`).join("");
    super(`${status === null ? "" : `${status}: `}${detail}${faults}`, { cause });
    this.name = "ApiError";
    /** The HTTP status; null if there was no answer. */
    this.status = status;
    /** The kind of problem, in words that are the same each time. */
    this.title = title;
    /** What is wrong this time. */
    this.detail = detail;
    /** Each refused field or parameter. @type {readonly FieldFault[]} */
    this.errors = errors;
    /** The id of the request in the log of the service; empty if it is not known. */
    this.requestId = request_id;
    /** Seconds until the service takes another attempt; null if it does not say. */
    this.retryAfter = retryAfter;
  }
}

/** Sends requests to one service, and sends one again where that can help. */
export class Connection {
  #base;
  #headers;
  #timeout;
  #attempts;
  #fetch;
  #pause;

  /**
   * @param {string} base where the service is, without `/v1`.
   * @param {ConnectionOptions} [options]
   */
  constructor(base, { key, timeout = 10_000, attempts = 3, fetch, pause = wait } = {}) {
    this.#base = baseOf(base);
    this.#headers = { Accept: "application/json", ...(key === undefined ? {} : authorization(key)) };
    this.#timeout = timeout;
    this.#attempts = attempts;
    this.#fetch = fetch ?? ((address, init) => globalThis.fetch(address, init));
    this.#pause = pause;
  }

  /** How often at most a call is made. */
  get attempts() {
    return this.#attempts;
  }

  /**
   * Send a request, some times if need be. Each call of the API can be repeated without harm, so
   * one that got no answer is sent again too.
   * @param {string} method of HTTP.
   * @param {string} path from the root of the service.
   * @param {Sending} [sending]
   * @returns {Promise<Answer>}
   * @throws {ApiError} the answer is an error, or none came.
   */
  async call(method, path, { query, json, lines, headers, timeout, attempts, signal } = {}) {
    const parameters = String(new URLSearchParams(query));
    const address = `${this.#base}${path}${parameters && `?${parameters}`}`;
    const init = { method, ...bodyOf(json, lines, { ...this.#headers, ...headers }) };
    const most = Math.min(attempts ?? this.#attempts, this.#attempts);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(address, init, timeout ?? this.#timeout, signal);
      } catch (error) {
        const rest = restAfter(error, attempt);
        if (rest === null || attempt >= most) throw error;
        await this.#pause(rest, signal);
      }
    }
  }

  /**
   * Wait as before another attempt.
   * @param {number} attempt the number of attempts so far.
   * @param {AbortSignal} [signal]
   */
  async rest(attempt, signal) {
    await this.#pause(FIRST_PAUSE * 2 ** (attempt - 1), signal);
  }

  /**
   * @param {string} address
   * @param {RequestInit} init
   * @param {number} milliseconds
   * @param {AbortSignal | undefined} signal
   */
  async #attempt(address, init, milliseconds, signal) {
    signal?.throwIfAborted();
    const stop = new AbortController();
    const relay = () => stop.abort();
    const timer = setTimeout(relay, milliseconds);
    signal?.addEventListener("abort", relay);
    try {
      // No cookie, and no address of the page: who reads is nobody's business.
      const answer = await this.#fetch(address, {
        ...init, signal: stop.signal, credentials: "omit", referrerPolicy: "no-referrer", redirect: "manual",
      });
      return accept(answer, await answer.text());
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ApiError) throw error;
      const why = stop.signal.aborted ? `none in ${milliseconds} ms` : String(error);
      throw new ApiError(null, `no answer from ${this.#base}: ${why}`, { cause: error });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", relay);
    }
  }
}

/**
 * The path of an article, or of one of its calls.
 * @param {string | number} articleId
 * @param {string} [call] such as `/related`.
 * @throws {ApiError} no path can name such an id.
 */
export function pathOf(articleId, call = "") {
  const id = String(articleId);
  if (/^\.{0,2}$/.test(id)) throw new ApiError(null, `'${id}' is no id of an article`);
  return `/v1/articles/${encodeURIComponent(id)}${call}`;
}

/** Options of a list in HTML that a layout may switch on: there false is no default. */
const SWITCHED_ON = new Set(["images", "stylesheet"]);

/**
 * Options as a query writes them. Those that are null or undefined are left out, and false, where it is the default.
 * @param {object} options
 * @returns {Record<string, string>}
 */
export function queryOf(options) {
  const { attr, ...others } = /** @type {Record<string, unknown>} */ (options);
  const given = Object.entries(others).filter(
    ([name, value]) => value != null && (value !== false || SWITCHED_ON.has(name)),
  );
  const attributes = Object.entries(attr ?? {}).map(([name, value]) => [`attr.${name}`, ofAttribute(value)]);
  return Object.fromEntries([...given.map(([name, value]) => [name, asText(value)]), ...attributes]);
}

/**
 * Values of an attribute as a query writes them; a number below 0 excludes nothing.
 * @param {unknown} value
 * @returns {string}
 */
function ofAttribute(value) {
  if (Array.isArray(value)) return asText(value.map(ofAttribute));
  return typeof value === "number" && value < 0 ? `\\${value}` : String(value);
}

/**
 * Read the JSON of an answer.
 * @template T
 * @param {Answer} answer
 * @param {string} field one that the answer must have: a proxy may answer with anything.
 * @returns {T}
 * @throws {ApiError} it is something else.
 */
export function readAnswer({ status, text }, field) {
  const read = asJson(text);
  if (read && field in read) return /** @type {T} */ (read);
  throw new ApiError(status, "the answer is not of this API; is something else at this address?");
}

/** @param {unknown} value */
function asText(value) {
  if (typeof value === "boolean") return value ? "1" : "0";
  if (value instanceof Date) return value.toISOString();
  if (typeof value === "number") return value.toFixed(6).replace(/\.?0+$/, "");
  return Array.isArray(value) ? value.map(escapeCommas).join(",") : String(value);
}

/** @param {unknown} value of a list, where commas are plain. */
function escapeCommas(value) {
  return String(value).replace(/(\\.)|,/gs, (_, escaped) => escaped ?? "\\,");
}

/** @param {string} base */
function baseOf(base) {
  const url = new URL(base);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError(`${base} is no address of the web`);
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** @param {string} key */
function authorization(key) {
  if (!KEY.test(key)) throw new TypeError("the key has characters that no header can carry");
  return { Authorization: `Bearer ${key}` };
}

/**
 * @param {unknown} json
 * @param {Uint8Array<ArrayBuffer> | undefined} lines
 * @param {Record<string, string>} headers
 * @returns {RequestInit}
 */
function bodyOf(json, lines, headers) {
  if (lines) return { body: lines, headers: { ...headers, "Content-Type": "application/x-ndjson" } };
  if (json === undefined) return { headers };
  return { body: writeJson(json), headers: { ...headers, "Content-Type": "application/json" } };
}

/**
 * JSON in which every number is one; the language writes those that are none as null.
 * @param {unknown} value
 * @returns {string}
 */
export function writeJson(value) {
  return JSON.stringify(value, (name, one) => {
    if (typeof one !== "number" || Number.isFinite(one)) return one;
    throw new TypeError(`${name} is ${one}, which is no number of JSON`);
  });
}

/**
 * @param {Response} answer
 * @param {string} text its body.
 * @returns {Answer}
 */
function accept(answer, text) {
  if (answer.ok) return { status: answer.status, text };
  const problem = /** @type {Partial<Problem>} */ (asJson(text) ?? {});
  const retryAfter = secondsOf(answer.headers.get("Retry-After"));
  const detail = problem.detail ?? answer.statusText; // of a proxy before the service, as a rule
  if (answer.type === "opaqueredirect" || (answer.status >= 300 && answer.status < 400)) {
    throw new ApiError(answer.status || null, "the service is at another address; name that one");
  }
  throw new ApiError(answer.status, detail, { ...problem, retryAfter });
}

/**
 * Milliseconds until the next attempt; null where none can help.
 * @param {unknown} error
 * @param {number} attempt the number of attempts so far.
 */
function restAfter(error, attempt) {
  if (!(error instanceof ApiError)) return null;
  if (error.status !== null && !TRY_AGAIN.has(error.status)) return null;
  const rest = error.retryAfter === null ? FIRST_PAUSE * 2 ** (attempt - 1) : error.retryAfter * 1_000;
  return rest > LONGEST_PAUSE ? null : rest;
}

/** @param {string | null} text */
function secondsOf(text) {
  return text !== null && /^[0-9]{1,6}$/.test(text) ? Number(text) : null;
}

/**
 * @param {string} text
 * @returns {object | null} null if the text is no JSON object.
 */
function asJson(text) {
  try {
    const read = JSON.parse(text);
    return typeof read === "object" ? read : null;
  } catch {
    return null;
  }
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function wait(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      if (signal?.aborted) reject(signal.reason);
      else resolve();
    }
  });
}
