/** A text that has been parsed into a form of its own; made only by the parse function beside its
 * type. */
export type Brand<Name extends string> = string & { readonly __brand: Name };
