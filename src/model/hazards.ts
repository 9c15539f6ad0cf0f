// What in a text can move a cursor, or make it read differently from what it is: controls, format characters (bidi overrides, zero
// width …), lone surrogates and line separators. Terminal and dashboard show them instead of obeying them.

/** Global: for `replace` only. */
export const HAZARDS = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
