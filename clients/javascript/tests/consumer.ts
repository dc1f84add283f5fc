/** A program in TypeScript that uses the package; a test compiles it against the tarball. */

import { ApiError, Client, type RelatedList } from "@read-also/client";
import "@read-also/client/list";

const api = new Client("https://read-also.example", { key: "SECRET", timeout: 2_000 });
export async function show(id: number): Promise<string[]> {
  const article = { id, title: "T", published_at: new Date(), tags: ["a"] };
  const written = await api.put(article, { wait: true });
  const visible: boolean = written.visible;
  const options = { limit: 5, mode: "latest", exclude: ["b"], explain: "all" } as const;
  const list: RelatedList = await api.related(id, options);
  for await (const answer of api.bulk([{ id: "a", title: "A" }, { delete: { id: 7 } }])) {
    if (answer.error) console.log(answer.id, answer.status, answer.error.detail);
  }
  try {
    await api.setPins(id, [{ id: "b", ends_at: new Date() }], { by: "Anna", wait: visible });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    console.log(error.status, error.errors.map((fault) => fault.pointer));
  }
  return list.items.map((item) => `${item.rank} ${item.title} ${item.url ?? ""}`);
}
// @ts-expect-error an article has no such field
void api.put({ id: "a", title: "A", colour: "red" });
// @ts-expect-error a limit is a number
void api.related("a", { limit: "5" });
// @ts-expect-error there is no such mode
void api.related("a", { mode: "newest" });
// @ts-expect-error a list has no such field
void api.related("a").then((list) => list.entries);
