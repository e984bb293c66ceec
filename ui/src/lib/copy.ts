// What "Copy as" gives.
import type { Series } from "../api/types";

/** The series that is seen, as CSV: times in RFC 3339, unknown is empty. */
export function seriesCsv({ times, bytes_in, bytes_out, packets_in, packets_out }: Series): string {
  const head = "time,bytes_in_per_second,bytes_out_per_second,packets_in_per_second,packets_out_per_second";
  const rows = times.map((at, index) => {
    const values = [bytes_in, bytes_out, packets_in, packets_out].map((column) => column[index] ?? "");
    return [new Date(at).toISOString(), ...values].join(",");
  });
  return [head, ...rows, ""].join("\r\n");
}

/** Also where the browser gives no clipboard because the page came over plain HTTP. */
export async function copyText(text: string): Promise<void> {
  if (isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error("the browser does not let this page copy");
}
