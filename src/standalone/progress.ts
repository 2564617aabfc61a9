// What a supervisor tells the command that started it: one JSON object per line.

/** How far a start has come. */
export type Progress =
  /** A part of the start is done; it took `ms`. */
  | { readonly kind: 'phase'; readonly name: string; readonly ms: number }
  /** Something that the user should know and that stopped nothing. */
  | { readonly kind: 'problem'; readonly message: string; readonly remedy: string }
  | { readonly kind: 'note'; readonly text: string }
  /** The mesh is up; `complete` when all of its own parts are ready. */
  | {
      readonly kind: 'ready';
      readonly ms: number;
      readonly complete: boolean;
      readonly kubeconfig: string;
    }
  /** It will not; the supervisor ends. */
  | { readonly kind: 'failed'; readonly message: string; readonly remedy: string };

/** Takes the progress of a start. */
export type Report = (progress: Progress) => void;

/** The lines of a stream as progress; text that is none is dropped. */
export function progressOf(line: string): Progress | undefined {
  try {
    return JSON.parse(line) as Progress;
  } catch {
    return undefined;
  }
}
