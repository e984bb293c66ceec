// Light or dark: as the system has it, or as the reader chose.

export type Theme = "light" | "dark";

const KEY = "svcflow.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

class ThemeState {
  private chosen = $state<Theme | null>(null);
  private systemDark = $state(system.matches);

  constructor() {
    const stored = localStorage.getItem(KEY);
    if (stored === "light" || stored === "dark") this.choose(stored);
    system.addEventListener("change", () => {
      this.systemDark = system.matches;
    });
  }

  get current(): Theme {
    return this.chosen ?? (this.systemDark ? "dark" : "light");
  }

  toggle(): void {
    this.choose(this.current === "dark" ? "light" : "dark");
  }

  private choose(theme: Theme): void {
    this.chosen = theme;
    const asSystem = (theme === "dark") === system.matches;
    if (asSystem) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
    document.documentElement.dataset["theme"] = theme;
  }
}

export const theme = new ThemeState();

/** A colour token as canvas takes it. Reads `theme.current`, so that effects that use it run again. */
export function color(token: string): string {
  void theme.current;
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
