/** Ids that other systems' names become. That the service makes the same ones is tested there. */

import assert from "node:assert/strict";
import test from "node:test";

import { foreignId, partsOf } from "../src/index.js";

test("every part comes back, and the id follows the grammar of ids", () => {
  for (const parts of [["12 ä"], ["a/b", 7], ["☃:~%", ""], ["x~41"], ["😀\n"]]) {
    const id = foreignId("cms", ...parts);
    assert.match(id, /^[A-Za-z0-9._:~-]{1,200}$/);
    assert.deepEqual(partsOf(id), ["cms", ...parts.map(String)]);
  }
  assert.equal(foreignId("cms", "12 ä"), "cms:12~20~C3~A4");
});

test("what makes no id, or is none, is refused", () => {
  assert.throws(() => foreignId("a b", 1), RangeError);
  assert.throws(() => foreignId("", 1), RangeError);
  assert.throws(() => foreignId("cms", "x".repeat(197)), /at most 200/);
  assert.equal(foreignId("cms", "x".repeat(196)).length, 200);
  for (const id of ["cms:~4", "cms:~zz", "cms:a~"]) assert.throws(() => partsOf(id), RangeError);
  assert.deepEqual(partsOf("feed:~~0a1b"), ["feed", "~~0a1b"]);
});
