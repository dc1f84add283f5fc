/* Run PHP 7.4 on what comes as JSON: files to put into its memory, and scripts; print what each printed. */
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { getPHPLoaderModule } from "@php-wasm/node-7-4";
import { PHP, loadPHPRuntime } from "@php-wasm/universal";

const given = JSON.parse(readFileSync(0, "utf8"));
const php = new PHP(await loadPHPRuntime(await getPHPLoaderModule()));
for (const [path, text] of Object.entries(given.files)) {
  php.mkdirTree(dirname(path));
  php.writeFile(path, text);
}
const answers = [];
for (const code of given.scripts) {
  const { text, errors, exitCode } = await php.run({ code }).catch(error => error.response);
  answers.push({ text, errors, exitCode });
}
process.stdout.write(JSON.stringify(answers), () => process.exit(0));
