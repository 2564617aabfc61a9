// What a decoder answers.

/** A decoded value, or what is wrong with the bytes in words. */
export type Result<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'problem'; readonly problem: string };
