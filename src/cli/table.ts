// A plain text table: columns as wide as their widest cell, numbers to the right.

type Cell = string | number;

export function formatTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const widths = head.map((title, column) => {
    return rows.reduce(
      (width, row) => Math.max(width, String(row[column] ?? '').length),
      title.length,
    );
  });
  const isNumeric = head.map((_, column) => typeof rows[0]?.[column] === 'number');
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return isNumeric[column] === true
          ? String(cell).padStart(width)
          : String(cell).padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '─'.repeat(width))), ...rows.map(line)].join('\n');
}
