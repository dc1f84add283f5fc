/**
 * Webhooks of the service, as a receiver reads them. They are signed as Standard Webhooks
 * (https://www.standardwebhooks.com) are.
 */

/**
 * @typedef {object} Webhook
 * @property {string} id the same in every attempt to send the message.
 * @property {string} type what happened: `list.changed`, `article.indexed`, …
 * @property {string} timestamp when it happened, RFC 3339.
 * @property {Record<string, unknown>} data what belongs to the type.
 */

/** A message that is not to be trusted: the service did not send it, or not now. */
export class BadWebhook extends Error {
  name = "BadWebhook";
}

const OLDEST = 300_000; // ms; an older message was perhaps recorded and sent again
const PREFIX = /^whsec_/;

/**
 * Check the signature and the age of a message, and read it.
 * @param {string} secret what `read-also webhooks add` printed.
 * @param {Headers | Record<string, string | string[] | undefined>} headers of the request.
 * @param {string | Uint8Array} body of the request, as it came.
 * @param {() => number} [now] tells the time, in milliseconds since 1970.
 * @returns {Promise<Webhook>}
 * @throws {BadWebhook} the message is not signed with this secret, or is older than five minutes.
 *   Answer 401.
 */
export async function readWebhook(secret, headers, body, now = Date.now) {
  const given = headers instanceof Headers ? headers : headersOf(headers);
  const id = given.get("webhook-id") ?? "";
  const sentAt = given.get("webhook-timestamp") ?? "";
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const signatures = (given.get("webhook-signature") ?? "").split(" ");
  if (!(await isSigned(secret, `${id}.${sentAt}.${text}`, signatures))) {
    throw new BadWebhook("the message is not signed with this secret");
  }
  if (!/^[0-9]+$/.test(sentAt) || Math.abs(now() - Number(sentAt) * 1_000) > OLDEST) {
    throw new BadWebhook("the message was not sent in the last five minutes; are the clocks right?");
  }
  const { type, timestamp, data } = JSON.parse(text);
  return { id, type, timestamp, data };
}

/**
 * Whether one of the signatures is that of the text. The check takes as long for a wrong one.
 * @param {string} secret
 * @param {string} text
 * @param {readonly string[]} signatures
 */
async function isSigned(secret, text, signatures) {
  const { subtle } = globalThis.crypto;
  const raw = bytesOf(secret.replace(PREFIX, ""));
  const key = await subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  const signed = new TextEncoder().encode(text);
  const checks = signatures
    .filter((one) => one.startsWith("v1,"))
    .map((one) => subtle.verify("HMAC", key, bytesOf(one.slice(3)), signed));
  return (await Promise.all(checks)).includes(true);
}

/** @param {string} base64 */
function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw new BadWebhook("the secret or a signature is no Base64");
  }
}

/** @param {Record<string, string | string[] | undefined>} given as `node:http` has them. */
function headersOf(given) {
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) headers.set(name, String(value));
  return headers;
}
