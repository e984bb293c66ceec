// npm run standin -- [--world demo|hostile|big|empty] [--port 8088] [--interval MS] [--delay MS] [--version V]
import { createServer } from "node:http";
import { parseArgs } from "node:util";

import { StandIn } from "./server";

const { values } = parseArgs({
  options: {
    world: { type: "string", default: "demo" },
    port: { type: "string", default: "8088" },
    interval: { type: "string", default: "10000" },
    delay: { type: "string", default: "0" },
    version: { type: "string", default: "0.1.0" },
  },
});

const standIn = new StandIn({ world: values.world, interval: Number(values.interval), delay: Number(values.delay), version: values.version });
const server = createServer((request, response) => {
  standIn.handle(request, response);
});
server.listen(Number(values.port), "127.0.0.1", () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === "object" ? (address?.port ?? "") : ""}/`);
});
