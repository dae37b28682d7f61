// Reading what others hand over: options and answers count by their own members. A script of the page may have
// put a `host` or `credentials` on `Object.prototype`, by accident or by way of a hole elsewhere.

/**
 * A copy with the object's own members and without a prototype. For dictionaries of the browser too: of
 * those it reads whatever their chain has.
 * @template T
 * @param {T} object anything; what has no members gives none
 * @returns {T}
 */
export const own = (object) => Object.assign(Object.create(null), object);
