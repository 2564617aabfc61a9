/** What a reader needs to act on a code. */
export interface CatalogueEntry {
  /** What happened, as a short noun phrase or sentence. */
  readonly title: string;
  /** Why it usually happens. */
  readonly cause: string;
  /** What the reader can do. */
  readonly remedy: string;
}
