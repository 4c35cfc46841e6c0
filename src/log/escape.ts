// The last step of every log line: what JSON leaves as it is and terminals or line readers act on.

const UNESCAPED_CONTROLS = /[\u007f-\u009f\u2028\u2029]/g;

/** `json` with the same meaning and no control character in it. */
export function escapeControls(json: string): string {
  return json.replace(UNESCAPED_CONTROLS, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
