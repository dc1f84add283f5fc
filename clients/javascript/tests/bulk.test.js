/** Bulk loads: how they are cut, and what is sent again. */

import assert from "node:assert/strict";
import test from "node:test";

import { MOST_BYTES, loadsOf } from "../src/bulk.js";
import { all, answering } from "./answering.js";

/** The service, as far as a load goes: each line is done, or has the status that the test gives. */
const doing = (status = (_id) => 201) => ({ body }) => {
  const items = idsOf(body).map((id) => ({ id, status: status(id) }));
  return { json: { errors: items.some((item) => item.status > 299), items } };
};
const idsOf = (body) => body.trim().split("\n").map((line) => {
  const fields = JSON.parse(line);
  return (fields.delete ?? fields).id;
});

test("lines are cut into loads within both limits, and a longer line is a load alone", async () => {
  const sizes = Array.from({ length: 200 }, (_, at) => (at * 7_919) % 97);
  const loads = await all(loadsOf(sizes.map((size) => new Uint8Array(size)), 6, 90));
  assert.deepEqual(loads.flat().map((line) => line.length), sizes);
  loads.forEach((load, at) => {
    const size = load.reduce((sum, line) => sum + line.length, 0);
    assert(load.length === 1 || (load.length <= 6 && size <= 90));
    const [next] = loads[at + 1] ?? [];
    assert(!next || load.length === 6 || size + next.length > 90, "a load could take the next line");
  });
});

test("no request is larger than what a proxy takes by default", async () => {
  const { client, asked } = await answering([doing()]);
  const writes = Array.from({ length: 40 }, (_, at) => ({ id: at, title: "ж".repeat(50_000) }));
  assert.deepEqual((await all(client.bulk(writes))).map(({ id }) => id), writes.map(({ id }) => `${id}`));
  assert(asked.length > 4);
  assert(Math.max(...asked.map(({ body }) => Buffer.byteLength(body))) <= MOST_BYTES);
});

test("what is written may come from a generator, and deletions too", async () => {
  const { client, asked } = await answering([doing((id) => (id === "b" ? 204 : 201))]);
  async function* writes() {
    yield { id: 1, title: "a\nb\r\u2028\u0085c" };
    yield { delete: { id: "b" } };
  }
  assert.deepEqual(await all(client.bulk(writes())), [{ id: "1", status: 201 }, { id: "b", status: 204 }]);
  assert.equal(asked[0].headers["content-type"], "application/x-ndjson");
  assert.equal(asked[0].body.match(/\n/g)?.length, 2);
  assert.deepEqual(await all(client.bulk([])), []);
});

test("lines that were not done now are sent again, in their order", async () => {
  const refused = { status: 503, headers: { "Retry-After": "0" } };
  const { client, asked, pauses } = await answering([
    doing((id) => ({ a: 201, x: 422 })[id] ?? 503), refused, doing(),
  ]);
  const items = await all(client.bulk(["a", "x", "b", "c"].map((id) => ({ id, title: "T" }))));
  assert.deepEqual(items.map(({ id, status }) => `${id} ${status}`), ["a 201", "x 422", "b 201", "c 201"]);
  assert.deepEqual(asked.map(({ body }) => idsOf(body).join("")), ["axbc", "bc", "bc"]);
  assert.deepEqual(pauses, [1_000, 0]);
});

test("lines that stay undone are answered as undone", async () => {
  const { client, asked } = await answering([doing(() => 503)], { attempts: 2 });
  const items = await all(client.bulk([{ id: "a", title: "A" }, { id: "b", title: "B" }]));
  assert.deepEqual(items.map(({ status }) => status), [503, 503]);
  assert.equal(asked.length, 2);
});

test("a load that a proxy refuses is sent in halves, and a line that is too large alone says so", async () => {
  const done = doing();
  const proxy = (asked) => (asked.body.length > 3_000 ? { status: 413, text: "<html>" } : done(asked));
  const { client } = await answering([proxy]);
  const titles = Array.from({ length: 9 }, (_, at) => "T".repeat(at === 4 ? 9_000 : 900));
  const items = await all(client.bulk(titles.map((title, at) => ({ id: `b-${at}`, title }))));
  assert.deepEqual(items.map(({ id }) => id), titles.map((_, at) => `b-${at}`));
  assert.deepEqual(items.map(({ status }) => status), titles.map((_, at) => (at === 4 ? 413 : 201)));
  assert.match(items[4]?.error?.detail ?? "", /Too Large/);
});

test("a signal ends a load", async () => {
  const { client } = await answering([doing()]);
  const load = client.bulk([{ id: "a", title: "A" }], { signal: AbortSignal.abort(new Error("enough")) });
  await assert.rejects(all(load), /enough/);
});
