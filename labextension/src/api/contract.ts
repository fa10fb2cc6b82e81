/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = '3d50a8023988';
