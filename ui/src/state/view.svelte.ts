// The view that is seen, kept the same as the address bar. The back button goes to the view before.
import { decodeView, encodeView, type View } from "../lib/view";

class ViewState {
  current = $state.raw<View>(decodeView(location.search));
  private merging: string | null = null;

  constructor() {
    addEventListener("popstate", () => {
      this.merging = null;
      this.current = decodeView(location.search);
    });
  }

  /**
   * Goes to another view. Steps with one `merge` after another (typing, dragging) are one step for the back button.
   */
  go(change: Partial<View>, merge: string | null = null): void {
    const next = { ...this.current, ...change };
    const search = encodeView(next);
    if (search === encodeView(this.current)) return;
    const url = location.pathname + search;
    if (merge !== null && merge === this.merging) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    this.merging = merge;
    this.current = next;
  }

  /** The link to a view, for `href`. */
  href(change: Partial<View>): string {
    return encodeView({ ...this.current, ...change }) || "?";
  }

  /** Follows a link within the page without loading it again. */
  follow(event: MouseEvent): void {
    const link = (event.target as Element | null)?.closest?.("a");
    const search = link?.getAttribute("href");
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (search?.startsWith("?") !== true || !plain || link?.hasAttribute("download") === true) return;
    event.preventDefault();
    this.go(decodeView(search));
  }

  toggle(card: string): void {
    const { open } = this.current;
    this.go({ open: open.includes(card) ? open.filter((id) => id !== card) : [...open, card] });
  }

  select(id: string | null): void {
    this.go({ selected: id, side: null });
  }
}

export const view = new ViewState();
