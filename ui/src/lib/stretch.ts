// A layer that moves without its insides being looked at.

/**
 * Shows a layer transformed; null: as it is. A style would do the same, but has Chromium work out anew which layers the
 * page has: 10 ms a frame with 150 cards. What an animation sets, even one that stands still, goes straight to the compositor.
 */
export function stretcher(layer: Element): (transform: string | null) => void {
  let animation: Animation | null = null;
  return (transform) => {
    if (transform === null) {
      animation?.cancel();
      animation = null;
      return;
    }
    const frames = { transform: [transform, transform] };
    if (animation?.effect instanceof KeyframeEffect) {
      animation.effect.setKeyframes(frames);
      return;
    }
    animation = layer.animate(frames, { duration: 1, fill: "both" });
    animation.pause();
  };
}
