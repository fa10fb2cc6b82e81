/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '5c78d9b53f4e';
