/**
 * Ids of articles that a CMS knows by something else, such as `post/12` or `Ä 7`. The importers of
 * the service and its WordPress plugin make their ids by the same rule.
 */

const LONGEST = 200; // characters of an article's id
const KIND = /^[A-Za-z0-9._-]+$/;
const FOREIGN = /[^A-Za-z0-9._-]/g;
const PART = /^(?:[A-Za-z0-9._-]|~[0-9A-F]{2})*$/;
const DIGEST = "~~";

/**
 * The id of an article that another system knows by some parts: `kind:part:part`, with each byte of
 * UTF-8 outside `A-Z a-z 0-9 . _ -` as `~HH`. The post `12 ä` of `cms` is `cms:12~20~C3~A4`.
 * @param {string} kind a word for the system that knows the article.
 * @param {...(string | number)} parts what it is known by there; other parts make another id.
 * @throws {RangeError} the kind is no such word, or the id would have more than 200 characters.
 */
export function foreignId(kind, ...parts) {
  if (!KIND.test(kind)) throw new RangeError(`'${kind}' is not a word of A-Z a-z 0-9 . _ -`);
  const id = [kind, ...parts.map(escape)].join(":");
  if (id.length > LONGEST) throw new RangeError(`an id has at most ${LONGEST} characters: ${id}`);
  return id;
}

/**
 * The kind and the parts of an id that `foreignId` made. A digest, which an importer of the service
 * puts in the place of a long part, stays as it is.
 * @param {string} articleId
 * @returns {string[]}
 * @throws {RangeError | URIError} it was not made by this rule.
 */
export function partsOf(articleId) {
  const [kind = "", ...parts] = articleId.split(":");
  return [kind, ...parts.map((part) => (part.startsWith(DIGEST) ? part : unescape(part)))];
}

/** @param {string | number} part */
function escape(part) {
  const letters = Array.from(new TextEncoder().encode(String(part)), (byte) => String.fromCharCode(byte));
  return letters.join("").replace(FOREIGN, (one) => `~${hex(one.charCodeAt(0))}`);
}

/** @param {string} part */
function unescape(part) {
  if (!PART.test(part)) throw new RangeError(`'${part}' is no part of an id that foreignId made`);
  return decodeURIComponent(part.replaceAll("~", "%"));
}

/** @param {number} byte */
function hex(byte) {
  return byte.toString(16).toUpperCase().padStart(2, "0");
}
