/** The interface that this front end was built for. Generated: `make types`. */
export const CONTRACT = 'c757caa71ca4';
