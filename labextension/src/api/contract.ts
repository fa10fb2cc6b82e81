/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '2f2a54c214ae';
