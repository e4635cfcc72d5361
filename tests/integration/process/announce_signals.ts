/**
 * Preloaded before the program: says on standard error when the program has
 * installed a signal handler, so that a test can send the signal right then.
 *
 * @module
 */
const listen = Deno.addSignalListener;
Deno.addSignalListener = (signal, handler) => {
  listen(signal, handler);
  Deno.stderr.writeSync(new TextEncoder().encode(`listens to ${signal}\n`));
};
