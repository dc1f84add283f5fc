/** A server that gives the answers of a script, and remembers what it was asked. */

import { createServer } from "node:http";
import { after } from "node:test";

import { Client } from "../src/index.js";

export const KEY = "abcdefgh12345678";

/**
 * A client of a server that answers in turn; the last answer again and again. A function makes the
 * answer to a request; null never answers.
 */
export async function answering(answers, { path = "", ...options } = {}) {
  const asked = [];
  const pauses = [];
  const server = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    let body = "";
    for await (const part of request.setEncoding("utf-8")) body += part;
    const one = answers[Math.min(asked.length, answers.length - 1)];
    asked.push({ method, url, headers, body });
    const made = typeof one === "function" ? one(asked.at(-1)) : one;
    if (!made) return;
    const text = made.text ?? JSON.stringify(made.json ?? {});
    response.writeHead(made.status ?? 200, made.headers).end(made.status === 204 ? "" : text);
  });
  await new Promise((started) => server.listen(0, "127.0.0.1", () => started(null)));
  after(() => server.close().closeAllConnections());
  const base = `http://127.0.0.1:${server.address().port}`;
  const pause = async (milliseconds) => void pauses.push(milliseconds);
  const client = new Client(base + path, { key: KEY, pause, ...options });
  return { client, asked, pauses, base, close: () => server.close().closeAllConnections() };
}

/** Everything that a generator gives. */
export async function all(values) {
  const found = [];
  for await (const value of values) found.push(value);
  return found;
}
