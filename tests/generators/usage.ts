// What a CMS developer writes over the types that openapi-typescript makes: `tsc --strict` checks it.
import type { components, operations } from "./schema";

type Schemas = components["schemas"];
type Listed = operations["listRelated"]["responses"][200]["content"]["application/json"];
type Query = NonNullable<operations["listRelated"]["parameters"]["query"]>;

export const article: Schemas["Article"] = { id: "a", title: "A crane returns", tags: ["river"] };
export const changes: Schemas["ArticlePatch"] = { section: "culture", image_url: null };
export const load: operations["bulkWrite"]["requestBody"]["content"]["application/json"] = [
  article,
  { delete: { id: "b" } },
];
export const query: Query = { limit: 6, mode: "latest", min_score: 0.2, language: "any" };

export function headlines(listed: Listed): string[] {
  const why: Schemas["ShortBecause"] | undefined = listed.short_because;
  return [...listed.items.map((item) => `${item.rank.toFixed()} ${item.title} (${item.reason})`), why ?? ""];
}

// @ts-expect-error: a mode is one of three words.
export const unknown: Query = { mode: "newest" };
// @ts-expect-error: an article has an id.
export const nameless: Schemas["Article"] = { title: "A crane returns" };
// @ts-expect-error: a limit is a number.
export const worded: Query = { limit: "6" };
