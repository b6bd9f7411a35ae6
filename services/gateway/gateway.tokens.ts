// What the gateway's module provides that is no class.
export const GATEWAY_CONFIG = Symbol('GatewayConfig');
/** How many bytes a body may have. */
export const BODY_LIMIT = Symbol('BodyLimit');
/** Of the protocol, as the server's metadata announces them. */
export const EXTENSIONS = Symbol('Extensions');
