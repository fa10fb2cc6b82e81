/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '9c369a929f30';
