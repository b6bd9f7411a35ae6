// Which build this is: in the answers on `massif.status` and in the services protocol. A test keeps it equal to package.json.

export const VERSION = '0.1.0';
