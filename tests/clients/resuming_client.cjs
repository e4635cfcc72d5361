// Completes a TLS handshake, maybe with the session of an earlier one, and prints what became of it
// as JSON: node resuming_client.cjs '{"port": 1, "ca": "…"}'
const { connect } = require("node:tls");

const { session, ...options } = JSON.parse(process.argv[2]);
const socket = connect({
  host: "127.0.0.1",
  servername: "localhost",
  ...options,
  ...session && { session: Buffer.from(session, "base64") },
});
let latest;
let answer = "";
let error;
let isResumed = false;
socket.once("secureConnect", () => isResumed = socket.isSessionReused());
socket.on("session", (made) => latest = made.toString("base64"));
socket.on("data", (data) => answer += data);
socket.on("error", ({ code }) => error = code);
socket.on("close", () => {
  process.stdout.write(JSON.stringify({ isResumed, answer, error, session: latest }));
});
