/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '284e06a60b09';
