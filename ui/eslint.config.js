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
      "max-lines": ["error", 300],
      "no-console": "error",
      // Names come from strangers: they are text, never markup.
      "svelte/no-at-html-tags": "error",
      // Answers are kept raw and replaced as a whole, so plain maps and sets never change under a reader.
      "svelte/prefer-svelte-reactivity": "off",
      // `== null` stands for both null and undefined, and for nothing else.
      eqeqeq: ["error", "always", { null: "ignore" }],
    },
  },
  { files: ["standin/**", "browser/**", "scripts/**"], rules: { "no-console": "off" } },
);
