/** Webhooks, against an example of the standard and messages that were tampered with. */

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import test from "node:test";

import { BadWebhook, readWebhook } from "../src/index.js";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const CONTENT = { type: "list.changed", timestamp: "2026-03-01T04:30:00Z", data: { articles: ["ä"] } };
const BODY = JSON.stringify(CONTENT);
const SENT_AT = 1_700_000_000;
const now = () => SENT_AT * 1_000;

function signed(body = BODY, sentAt = SENT_AT, secret = SECRET) {
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const signature = createHmac("sha256", key).update(`msg_1.${sentAt}.${body}`).digest("base64");
  return {
    "Webhook-Id": "msg_1", "webhook-timestamp": `${sentAt}`, "webhook-signature": `v1,AAAA v1,${signature}`,
  };
}

test("a signed message is read, from texts and bytes, and from headers of both kinds", async () => {
  const wanted = { id: "msg_1", ...CONTENT };
  assert.deepEqual(await readWebhook(SECRET, signed(), BODY, now), wanted);
  assert.deepEqual(await readWebhook(SECRET, new Headers(signed()), Buffer.from(BODY), now), wanted);
});

test("the example of the standard is read", async () => {
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const at = () => 1_614_265_330_000;
  const { id } = await readWebhook(SECRET, headers, '{"test": 2432232314}', at);
  assert.equal(id, headers["webhook-id"]);
});

test("what was changed, is old, or is of another secret is refused", async () => {
  const other = `whsec_${Buffer.from("another").toString("base64")}`;
  const refused = [
    [signed(), `${BODY} `], [signed(BODY, SENT_AT, other), BODY], [signed(BODY, SENT_AT - 301), BODY],
    [signed(BODY, SENT_AT + 301), BODY], [signed(BODY, "x"), BODY], [{}, BODY],
    [{ ...signed(), "webhook-signature": "v1," }, BODY], [{ ...signed(), "webhook-signature": "v1,%" }, BODY],
  ];
  for (const [headers, body] of refused) {
    await assert.rejects(readWebhook(SECRET, headers, body, now), BadWebhook);
  }
});
