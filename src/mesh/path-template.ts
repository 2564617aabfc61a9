// Path templates of AuthorizationPolicy: `{*}` is one segment, `{**}` any number of them, none
// included (features section 2.2.3).

/** Compiles a template; undefined when it is malformed. */
export function compilePathTemplate(template: string): ((path: string) => boolean) | undefined {
  const segments = template.split('/');
  const open = segments.indexOf('{**}');
  const isWellFormed =
    segments.every((segment) => segment === '{*}' || segment === '{**}' || isLiteral(segment)) &&
    (open === -1 || segments.slice(open + 1).every(isLiteral));
  if (!isWellFormed) return undefined;
  const head = open === -1 ? segments : segments.slice(0, open);
  const tail = open === -1 ? [] : segments.slice(open + 1);
  return (path) => {
    const parts = path.split('/');
    const fits = (wanted: readonly string[], from: number): boolean =>
      wanted.every((segment, index) => {
        const part = parts[from + index];
        return segment === '{*}' ? part !== undefined && part !== '' : part === segment;
      });
    if (open === -1) return parts.length === head.length && fits(head, 0);
    const room = parts.length - head.length - tail.length;
    return room >= 0 && fits(head, 0) && fits(tail, parts.length - tail.length);
  };
}

function isLiteral(segment: string): boolean {
  return !/[{}*]/.test(segment);
}
