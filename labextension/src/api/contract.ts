/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '1fc0636ffa10';
