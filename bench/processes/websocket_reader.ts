/**
 * The WebSocket clients: opens connections and counts frames and messages.
 *
 * @module
 */
import { answerCommands } from "../control.ts";
import type { ReaderReport } from "../reader_plan.ts";
import { ClientConnection, type ConnectionPlan } from "../websocket/client_connection.ts";

const connections: ClientConnection[] = [];

function sum(of: (connection: ClientConnection) => number): number {
  return connections.reduce((total, connection) => total + of(connection), 0);
}

await answerCommands({
  async open({ connections: count, ...plan }: ConnectionPlan & { connections: number }) {
    for (let i = 0; i < count; i++) connections.push(await ClientConnection.open(plan));
  },
  report: (): ReaderReport => ({
    messages: sum(({ messages }) => messages),
    bytes: sum(({ bytes }) => bytes),
    frames: sum(({ frames }) => frames),
    ended: sum(({ hasEnded }) => Number(hasEnded)),
    at: performance.now(),
  }),
});
