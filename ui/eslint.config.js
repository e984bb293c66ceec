import globals from "globals";
import svelte from "eslint-plugin-svelte";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts"] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser } },
  },
  {
    rules: {
      eqeqeq: "error",
      "max-lines": ["error", 300],
      "no-console": "error",
      // Names come from strangers: they are text, never markup.
      "svelte/no-at-html-tags": "error",
      // A style attribute in markup is what the Content-Security-Policy forbids; `style:` goes through the CSSOM.
      "svelte/no-inline-styles": "error",
    },
  },
  { files: ["standin/**", "browser/**", "scripts/**"], rules: { "no-console": "off" } },
);
