/** The client against a server that answers by a script. */

import assert from "node:assert/strict";
import test from "node:test";

import { ApiError, Client } from "../src/index.js";
import { KEY, all, answering } from "./answering.js";

const EMPTY = { json: { article_id: "a", items: [], requested: 1, returned: 0, mode: "mixed" } };
const WRITTEN = { json: { id: "a", result: "updated", change: 7 } };
const PROBLEM = {
  status: 422,
  json: {
    type: "about:blank", title: "Unprocessable Entity", status: 422, instance: "/",
    detail: "the article is not acceptable", request_id: "r1",
    errors: [{ pointer: "/title", detail: "is no text" }],
  },
};

test("options are written as a query writes them; what is not set is not sent", async () => {
  const { client, asked } = await answering([EMPTY]);
  await client.related("a", { limit: 5, exclude: ["b", "c"], min_score: 0, diversity: 0.3, explain: true });
  await client.related("a", { section: undefined, explain: false });
  await client.related("a", { section: ["Arts, Culture", "-opinion"] });
  await client.related("a", { limit: 100, min_score: 1e-7 });
  await client.related("a", { attr: { price: "10..20", free: true, place: -5, city: ["a,b", "-c", -1] } });
  assert.deepEqual(asked.map(({ url }) => decodeURIComponent(url.replaceAll("+", " "))), [
    "/v1/articles/a/related?limit=5&exclude=b,c&min_score=0&diversity=0.3&explain=1",
    "/v1/articles/a/related",
    "/v1/articles/a/related?section=Arts\\, Culture,-opinion",
    "/v1/articles/a/related?limit=100&min_score=0",
    "/v1/articles/a/related?attr.price=10..20&attr.free=true&attr.place=\\-5&attr.city=a\\,b,-c,\\-1",
  ]);
});

test("a query too long for an address is sent as a body", async () => {
  const { client, asked } = await answering([EMPTY]);
  for (const many of [36, 38]) await client.related("a", { exclude: Array(many).fill("y".repeat(200)) });
  assert.deepEqual(asked.map(({ method, url }) => [method, url.split("?")[0]]), [
    ["GET", "/v1/articles/a/related"], ["POST", "/v1/related"],
  ]);
  const { article_id, exclude } = JSON.parse(asked[1].body);
  assert.deepEqual([article_id, exclude.length], ["a", 38]);
});

test("the key is a header, and the path of the base stays", async () => {
  const { client, asked } = await answering([EMPTY], { path: "/related/" });
  await client.related("a");
  assert.equal(asked[0].url, "/related/v1/articles/a/related");
  assert.equal(asked[0].headers.authorization, `Bearer ${KEY}`);
  assert.equal(asked[0].headers.cookie, undefined);
});

test("without a key there is no header that a page would need leave for", async () => {
  const { asked, base } = await answering([EMPTY]);
  await new Client(base).related("a");
  assert.equal(asked[0].headers.authorization, undefined);
});

test("a key that no header can carry is not in the message", () => {
  assert.throws(() => new Client("http://a.example", { key: "ключ\n" }), (error) => {
    assert(error instanceof TypeError);
    return !error.message.includes("ключ");
  });
});

test("an address that is not of the web is refused", () => {
  for (const base of ["ftp://a.example", "javascript:alert(1)", "a.example", ""]) {
    assert.throws(() => new Client(base), TypeError);
  }
});

test("an id stays one step of the address", async () => {
  const { client, asked } = await answering([{ status: 204 }]);
  await client.delete("../../x?y#z%2F☃");
  assert.equal(asked[0].url, "/v1/articles/..%2F..%2Fx%3Fy%23z%252F%E2%98%83");
  for (const id of ["", ".", ".."]) await assert.rejects(async () => client.get(id), /is no id/);
  assert.equal(asked.length, 1);
});

test("an id may be a number, and a time a date", async () => {
  const { client, asked } = await answering([WRITTEN]);
  await client.put({ id: 7, title: "T", published_at: new Date(0), translation_of: 8 });
  assert.equal(asked[0].url, "/v1/articles/7");
  assert.deepEqual(JSON.parse(asked[0].body), {
    id: "7", title: "T", published_at: "1970-01-01T00:00:00.000Z", translation_of: "8",
  });
});

test("what is no number is not sent as null", async () => {
  const { client, asked } = await answering([WRITTEN]);
  await assert.rejects(async () => client.put({ id: "a", title: "T", version: NaN }), /version is NaN/);
  assert.equal(asked.length, 0);
});

test("a write says whether it is visible", async () => {
  const late = { ...WRITTEN, status: 202 };
  const { client, asked } = await answering([WRITTEN, late, { status: 202 }, { status: 204 }, WRITTEN]);
  const visible = [
    await client.put({ id: "a", title: "T" }, { wait: true }),
    await client.patch("a", { title: null }, { wait: true }),
    await client.delete("a", { wait: true }),
    await client.removePins("a", { wait: true }),
    await client.setBlocks("a", [{ id: 5, ends_at: new Date(0) }], { by: "Anna" }),
  ];
  assert.deepEqual(visible.map((one) => one.visible), [true, false, false, true, false]);
  assert.deepEqual(visible[0], { ...WRITTEN.json, visible: true });
  assert.deepEqual(asked.map(({ url }) => url.split("?")[1]), [...Array(4).fill("wait=visible"), undefined]);
  const block = { id: "5", ends_at: "1970-01-01T00:00:00.000Z" };
  assert.deepEqual(JSON.parse(asked[4].body), { blocks: [block], by: "Anna" });
});

test("a refusal has the fields of the problem", async () => {
  const { client, asked } = await answering([PROBLEM]);
  await assert.rejects(client.put({ id: "a", title: "T" }), (error) => {
    assert(error instanceof ApiError);
    assert.equal(error.message, "422: the article is not acceptable; /title: is no text");
    const { status, title, detail, errors, requestId, retryAfter } = error;
    assert.deepEqual({ status, title, detail, errors, requestId, retryAfter }, {
      status: 422, title: "Unprocessable Entity", detail: "the article is not acceptable",
      errors: PROBLEM.json.errors, requestId: "r1", retryAfter: null,
    });
    return true;
  });
  assert.equal(asked.length, 1);
});

test("what is not of this API is an error", async () => {
  const strange = [
    [{ status: 500, text: "<html>" }, 500, /500: Internal Server Error/],
    [{ text: "<html>" }, 200, /not of this API/],
    [{ json: { id: "a" } }, 200, /not of this API/],
    [{ json: null, text: "null" }, 200, /not of this API/],
    [{ status: 301, headers: { Location: "https://a.example/" } }, 301, /another address/],
  ];
  for (const [answer, status, message] of strange) {
    const { client } = await answering([answer]);
    await assert.rejects(client.related("a"), { status, message });
  }
});

test("a call is made again after as long as the service says, or after one second, two, four", async () => {
  for (const [after, first] of [["7", 7_000], [undefined, 1_000], ["soon", 1_000]]) {
    const busy = { status: 503, headers: after ? { "Retry-After": after } : {} };
    const answers = [busy, { status: 429 }, { status: 502 }, EMPTY];
    const { client, asked, pauses } = await answering(answers, { attempts: 4 });
    assert.equal((await client.related("a")).returned, 0);
    assert.deepEqual([asked.length, pauses], [4, [first, 2_000, 4_000]]);
  }
});

test("after the last attempt the refusal is thrown, and at once if the wait would be long", async () => {
  const busy = { status: 503, headers: { "Retry-After": "1" } };
  const { client, asked } = await answering([busy], { attempts: 2 });
  await assert.rejects(client.get("a"), { status: 503, retryAfter: 1 });
  assert.equal(asked.length, 2);
  const limited = await answering([{ status: 429, headers: { "Retry-After": "3600" } }]);
  await assert.rejects(limited.client.get("a"), { status: 429, retryAfter: 3600 });
  assert.equal(limited.asked.length, 1);
});

test("whether the service is ready is asked once", async () => {
  const busy = { status: 503, headers: { "Retry-After": "2" }, json: { detail: "no archive" } };
  const { client, asked } = await answering([busy, { json: { status: "ready", generation: "g" } }]);
  assert.deepEqual(await client.readyz(), { status: "not ready", detail: "no archive", retryAfter: 2 });
  assert.equal((await client.readyz()).generation, "g");
  assert.equal(asked.length, 2);
});

test("nobody answers: each attempt ends in time, and the error names the address", async () => {
  const silent = await answering([null], { timeout: 50, attempts: 2 });
  await assert.rejects(silent.client.get("a"), { status: null, message: new RegExp(`${silent.base}: none`) });
  assert.equal(silent.asked.length, 2);
  const gone = await answering([EMPTY]);
  gone.close();
  await assert.rejects(gone.client.get("a"), { status: null });
  assert.deepEqual(gone.pauses, [1_000, 2_000]);
});

test("a signal ends a call, also while it waits for the next attempt", async () => {
  const reason = new Error("enough");
  const silent = await answering([null]);
  const call = silent.client.get("a", { signal: AbortSignal.timeout(30) });
  await assert.rejects(call, { name: "TimeoutError" });
  const busy = await answering([{ status: 503 }], { pause: undefined });
  const stop = new AbortController();
  const waiting = busy.client.get("a", { signal: stop.signal });
  setTimeout(() => stop.abort(reason), 30);
  await assert.rejects(waiting, reason);
  await assert.rejects(busy.client.get("a", { signal: AbortSignal.abort(reason) }), reason);
  assert.equal(busy.asked.length, 1);
});

test("all articles come page by page", async () => {
  const page = (id, next) => ({ json: { articles: [{ id }], next } });
  const { client, asked } = await answering([page("a", "c1"), page("b", null)]);
  assert.deepEqual(await all(client.articles({ pageSize: 1 })), [{ id: "a" }, { id: "b" }]);
  assert.deepEqual(asked.map(({ url }) => url), ["/v1/articles?limit=1", "/v1/articles?limit=1&cursor=c1"]);
});

test("the ids of a site come page by page", async () => {
  const page = (id, next) => ({ json: { ids: [id], next } });
  const { client, asked } = await answering([page("wp-1", "c1"), page("wp-2", null)]);
  assert.deepEqual(await all(client.articleIds({ prefix: "wp", pageSize: 1 })), ["wp-1", "wp-2"]);
  const first = "/v1/article-ids?prefix=wp&limit=1";
  assert.deepEqual(asked.map(({ url }) => url), [first, `${first}&cursor=c1`]);
});

test("the audit log comes page by page, until a page is empty", async () => {
  const page = (numbers, next) => ({ json: { entries: numbers.map((number) => ({ number })), next } });
  const { client, asked } = await answering([page([1, 2], 2), page([3], 3), page([], 3)]);
  const entries = await all(client.audit({ pageSize: 2 }));
  assert.deepEqual(entries.map(({ number }) => number), [1, 2, 3]);
  const queries = [0, 2, 3].map((after) => `after=${after}&limit=2`);
  assert.deepEqual(asked.map(({ url }) => url.split("?")[1]), queries);
});

test("lists of one page, drafts, and the other calls have their addresses", async () => {
  const { client, asked } = await answering([({ url }) => ({
    json: { lists: [], items: [], state: "read", pins: [], blocks: [], history: [], appears_in: [], id: "a", url },
  })]);
  await client.relatedLists([{ article_id: "a", limit: 2 }]);
  await client.relatedForDraft({ title: "T", limit: 2 });
  await client.relatedLike([7], { unlike: ["b"], limit: 2 });
  await client.status("a");
  await client.relatedHtml("a", { heading_level: 3, images: true });
  await client.relatedHtml("a", { layout: "cards", stylesheet: false, images: false, labels: false });
  await client.pins("a");
  await client.blocks("a");
  await client.never("a");
  await client.noList("a");
  await client.appearsIn("a");
  await client.get("a");
  assert.deepEqual(asked.map(({ method, url }) => `${method} ${url}`), [
    "POST /v1/related", "POST /v1/related", "POST /v1/related", "GET /v1/articles/a/status",
    "GET /v1/articles/a/related.html?heading_level=3&images=1",
    "GET /v1/articles/a/related.html?layout=cards&stylesheet=0&images=0",
    "GET /v1/articles/a/pins", "GET /v1/articles/a/blocks", "GET /v1/articles/a/never", "GET /v1/articles/a/no-list",
    "GET /v1/articles/a/appears-in", "GET /v1/articles/a",
  ]);
  assert.deepEqual(asked.slice(0, 3).map(({ body }) => JSON.parse(body)), [
    { requests: [{ article_id: "a", limit: 2 }] }, { title: "T", limit: 2 },
    { like: ["7"], unlike: ["b"], limit: 2 },
  ]);
});
