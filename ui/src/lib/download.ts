// Files that the reader takes along.
import { clockTime, isoDate } from "./time";

/** "svcflow-map-2026-01-31-10-42-10.svg" */
export function fileName(what: string, at: number, extension: string): string {
  return `svcflow-${what}-${isoDate(at)}-${clockTime(at).replaceAll(":", "-")}.${extension}`;
}

export function save(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 10_000);
}

/** Browsers refuse greater canvases. */
const PIXELS_MAX = 16_000_000;

/** A PNG of an SVG, twice as large for sharp screens where that can be drawn. */
export async function toPng(svg: string, width: number, height: number): Promise<Blob> {
  const scale = Math.min(2, Math.sqrt(PIXELS_MAX / (width * height)), 16_000 / Math.max(width, height));
  const image = new Image();
  const url = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  const canvas = document.createElement("canvas");
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
  return await new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("the picture is too large for this browser"));
      else resolve(blob);
    }, "image/png");
  });
}
