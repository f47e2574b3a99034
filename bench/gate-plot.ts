// Draws a simulation as one SVG: false promotions against alpha, and power against the number of cases.
import type { Row } from '../core/gate/simulate/run.ts';

const COLOURS: Readonly<Record<string, string>> = { 'even split (ours)': '#0b6e4f', 'unspent 5 % test': '#c1121f', 'alpha spending': '#8d99ae', 'LORD++': '#e09f3e', SAFFRON: '#3a86ff' };
const OURS = '#0b6e4f';
const OTHER = '#8d99ae';
const BROKEN = '#c1121f';

const escape = (text: string): string => text.replace(/[&<>]/g, (sign) => (sign === '&' ? '&amp;' : sign === '<' ? '&lt;' : '&gt;'));
const text = (x: number, y: number, content: string, attributes = ''): string => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escape(content)}</text>`;
const line = (x1: number, y1: number, x2: number, y2: number, attributes: string): string => `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" ${attributes}/>`;

/** One bar per gate: the share of periods with a false promotion, with its interval, and a line at alpha. */
function bars(rows: readonly Row[], top: number): { svg: string; height: number } {
  const [left, width, step] = [330, 480, 17];
  const x = (share: number): number => left + share * width;
  const parts = rows.map((row, index) => {
    const y = top + 22 + index * step;
    const { share, interval } = row.anyFalse;
    const colour = row.kind === 'ours' ? OURS : row.kind === 'broken' ? BROKEN : OTHER;
    return [
      text(left - 8, y + 4, `(${row.scenario}) ${row.gate}`, 'text-anchor="end"'),
      `<rect x="${left}" y="${y - 5}" width="${Math.max(1, share * width).toFixed(1)}" height="10" fill="${colour}"/>`,
      line(x(interval[0]), y, x(interval[1]), y, 'stroke="#000" stroke-width="1"'),
      text(x(interval[1]) + 6, y + 4, `${(share * 100).toFixed(1)} %`),
    ].join('');
  });
  const bottom = top + 22 + rows.length * step;
  const alpha = rows[0]?.alpha ?? 0;
  const svg = [
    text(20, top, 'Periods with any false promotion (green: ours; grey: compared; red: broken on purpose)', 'font-weight="bold"'),
    ...parts,
    line(x(alpha), top + 12, x(alpha), bottom, 'stroke="#000" stroke-dasharray="3 2"'),
    text(x(alpha), bottom + 10, `alpha = ${alpha}`, 'text-anchor="middle"'),
  ].join('\n');
  return { svg, height: bottom + 24 - top };
}

/** One panel per gain: the share of better candidates promoted by each rule, over the number of cases (log scale). */
function powers(rows: readonly Row[], top: number): string {
  const gains = [...new Set(rows.map(({ gain }) => gain))];
  const sizes = [...new Set(rows.map(({ n }) => n))].sort((a, b) => a - b);
  const [width, height, gap] = [230, 180, 60];
  const [low, high] = [Math.log(sizes[0] ?? 1), Math.log(sizes.at(-1) ?? 2)];
  const panels = gains.map((gain, panel) => {
    const left = 60 + panel * (width + gap);
    const x = (n: number): number => left + (high === low ? 0.5 : (Math.log(n) - low) / (high - low)) * width;
    const y = (share: number): number => top + 24 + (1 - share) * height;
    const axes = [0, 0.25, 0.5, 0.75, 1].map((share) => line(left, y(share), left + width, y(share), 'stroke="#ddd"') + text(left - 6, y(share) + 4, `${share * 100} %`, 'text-anchor="end"')).join('');
    const ticks = sizes.map((n) => text(x(n), y(0) + 16, String(n), 'text-anchor="middle"')).join('');
    const lines = Object.entries(COLOURS).map(([gate, colour]) => {
      const points = rows.filter((row) => row.gain === gain && row.gate === gate && row.power).map((row) => `${x(row.n).toFixed(1)},${y(row.power?.share ?? 0).toFixed(1)}`);
      return `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="${gate.includes('ours') ? 3 : 1.5}"/>`;
    });
    return [text(left, top + 10, `better by ${Math.round(gain * 100)} points: promoted`, 'font-weight="bold"'), axes, ticks, ...lines].join('\n');
  });
  const legend = Object.entries(COLOURS).map(([gate, colour], index) => {
    const left = 60 + index * 170;
    return line(left, top + height + 82, left + 22, top + height + 82, `stroke="${colour}" stroke-width="3"`) + text(left + 28, top + height + 86, gate);
  });
  return [...panels, text(60, top + height + 60, 'cases per decision (one per cluster); every tenth candidate is better, the others are equal'), ...legend].join('\n');
}

export function plot(rows: readonly Row[]): string {
  const shown = rows.filter(({ scenario }) => scenario !== 'c' && scenario !== 'd');
  const { svg, height } = bars(shown.filter(({ power }) => power === null), 24);
  const total = height + 24 + 310;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 920 ${total}" width="920" height="${total}" font-family="sans-serif" font-size="11">\n<rect width="920" height="${total}" fill="#fff"/>\n${svg}\n${powers(rows.filter(({ scenario }) => scenario === 'c'), height + 44)}\n</svg>\n`;
}
