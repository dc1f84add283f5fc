/** A bulk load: lines of NDJSON, cut into requests that every proxy takes. */

import { ApiError, readAnswer, writeJson } from "./connection.js";

/** @import { BulkAnswer, BulkItem } from "../types/api.js" */
/** @import { Connection } from "./connection.js" */

export const MOST_LINES = 1_000; // of a request; the service takes more, but then answers late
export const MOST_BYTES = 1_000_000; // of a request; nginx takes 1 MiB, unless it is told to take more
const TIMEOUT = 120_000; // ms
const TOO_LARGE = 413;
const TRY_AGAIN = new Set([429, 503]);

/**
 * Cut lines, in their order, into loads within both limits; a longer line is a load alone.
 * @param {Iterable<Uint8Array> | AsyncIterable<Uint8Array>} lines
 * @param {number} [mostLines]
 * @param {number} [mostBytes]
 */
export async function* loadsOf(lines, mostLines = MOST_LINES, mostBytes = MOST_BYTES) {
  /** @type {Uint8Array[]} */
  let load = [];
  let size = 0;
  for await (const line of lines) {
    if (load.length > 0 && (load.length === mostLines || size + line.length > mostBytes)) {
      yield load;
      load = [];
      size = 0;
    }
    load.push(line);
    size += line.length;
  }
  if (load.length > 0) yield load;
}

/**
 * A write as a line.
 * @param {object} write
 */
export function asLine(write) {
  return new TextEncoder().encode(`${writeJson(write)}\n`);
}

/**
 * Send one load; send again the lines from the first that answers 429 or 503. What a proxy refuses
 * as too large is sent in halves; a line that is too large alone is answered with 413.
 * @param {Connection} connection
 * @param {readonly Uint8Array[]} lines
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<BulkItem, void, void>}
 */
export async function* sendLoad(connection, lines, signal) {
  let left = lines;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const items = await itemsOf(connection, left, signal);
    if (items instanceof ApiError) return yield* sendParts(connection, left, items, signal);
    const first = items.findIndex(({ status }) => TRY_AGAIN.has(status));
    const done = first < 0 || attempt >= connection.attempts ? items.length : first;
    yield* items.slice(0, done);
    left = left.slice(done);
    if (left.length > 0) await connection.rest(attempt, signal);
  }
}

/**
 * The answers to a load; the refusal if it is too large.
 * @param {Connection} connection
 * @param {readonly Uint8Array[]} lines
 * @param {AbortSignal | undefined} signal
 */
async function itemsOf(connection, lines, signal) {
  try {
    const sending = { lines: joined(lines), timeout: TIMEOUT, signal };
    const answer = await connection.call("POST", "/v1/bulk", sending);
    return /** @type {BulkAnswer} */ (readAnswer(answer, "items")).items;
  } catch (error) {
    if (error instanceof ApiError && error.status === TOO_LARGE) return error;
    throw error;
  }
}

/**
 * @param {Connection} connection
 * @param {readonly Uint8Array[]} lines
 * @param {ApiError} refusal
 * @param {AbortSignal | undefined} signal
 * @returns {AsyncGenerator<BulkItem, void, void>}
 */
async function* sendParts(connection, lines, refusal, signal) {
  const [line] = lines;
  if (line !== undefined && lines.length === 1) {
    const fields = JSON.parse(new TextDecoder().decode(line));
    const { id = null } = fields.delete ?? fields;
    yield { id, status: TOO_LARGE, error: { detail: refusal.detail } };
    return;
  }
  const middle = Math.floor(lines.length / 2);
  yield* sendLoad(connection, lines.slice(0, middle), signal);
  yield* sendLoad(connection, lines.slice(middle), signal);
}

/** @param {readonly Uint8Array[]} lines */
function joined(lines) {
  const whole = new Uint8Array(lines.reduce((size, line) => size + line.length, 0));
  let end = 0;
  for (const line of lines) {
    whole.set(line, end);
    end += line.length;
  }
  return whole;
}
