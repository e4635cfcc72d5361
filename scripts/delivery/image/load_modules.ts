/**
 * Loads the modules of the programs of the image while it is built, so that the code cache of the
 * runtime holds what V8 made of them. Nothing is started.
 *
 * @module
 */
await Promise.all([
  import("../../../src/main.ts"),
  import("../../../src/run.ts"),
  import("../../../src/composition/roles.ts"),
  import("../../../src/composition/hub.ts"),
  import("../../../src/infrastructure/access/jose_verifier.ts"),
  import("../../../src/infrastructure/grpc/admin_service.ts"),
  import("../../../src/infrastructure/grpc/web/web_endpoint.ts"),
  import("../../../src/infrastructure/nats/nats_client.ts"),
  import("./healthcheck.ts"),
  import("./grpc_health.ts"),
]);
