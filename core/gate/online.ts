// Other ways to share out a level over a stream of decisions, to compare the even split with. The gate does not decide by them.

export interface OnlineRule {
  /** Level of the next test. */
  level(): number;
  /** Tells the rule how that test ended. */
  observe(p: number): void;
}

/** Javanmard and Montanari 2018, Ann Stat 46:526, equation 31; it sums to 1 over all t. Their choice for LORD. */
export const lordGamma = (t: number): number => (0.07720838 * Math.log(Math.max(t, 2))) / (t * Math.exp(Math.sqrt(Math.log(t))));

/** t^−1.6 over its sum; the choice of Ramdas et al. 2018 for SAFFRON. */
export const powerGamma = (t: number): number => 0.4374901658 / t ** 1.6;

const constant = (level: number): OnlineRule => ({ level: () => level, observe: () => undefined });

/** Every decision at the whole alpha: what a script does that nobody thought about. */
export const unspent = (alpha: number): OnlineRule => constant(alpha);

/** alpha / decisions each: the gate's own rule. */
export const evenSplit = (alpha: number, decisions: number): OnlineRule => constant(alpha / decisions);

/** alpha · γ(t): keeps the chance of any false promotion below alpha over an endless stream. (Foster and Stine 2008, JRSS B 70:429, without earning back.) */
export function alphaSpending(alpha: number, gamma = powerGamma): OnlineRule {
  let t = 1;
  return { level: () => alpha * gamma(t), observe: () => void (t += 1) };
}

/**
 * LORD++: controls the false discovery rate, earns level back at each discovery. (Ramdas, Yang, Wainwright and Jordan
 * 2017, NeurIPS 30; levels: w0 γ(t) + (alpha − w0) γ(t − τ1) + alpha Σ over j ≥ 2 of γ(t − τj), with τj the discoveries.)
 */
export function lordPlusPlus(alpha: number, { gamma = lordGamma, w0 = alpha / 10 } = {}): OnlineRule {
  const discoveries: number[] = [];
  let t = 1;
  const level = (): number => discoveries.reduce((sum, at, index) => sum + (index === 0 ? alpha - w0 : alpha) * gamma(t - at), w0 * gamma(t));
  return {
    level,
    observe: (p) => {
      if (p <= level()) discoveries.push(t);
      t += 1;
    },
  };
}

/**
 * SAFFRON: like LORD++, but tests with p ≤ λ ("candidates") cost nothing, so the share of true nulls is estimated on the
 * way. (Ramdas, Zrnic, Wainwright and Jordan 2018, ICML 80:4286; levels: min(λ, (1 − λ)(w0 γ(t − C0) + (alpha − w0) γ(t − τ1 − C1)
 * + alpha Σ over j ≥ 2 of γ(t − τj − Cj))), with Cj the candidates after discovery j.)
 */
export function saffron(alpha: number, { gamma = powerGamma, w0 = alpha / 2, lambda = 0.5 } = {}): OnlineRule {
  const discoveries: { at: number; candidates: number }[] = [];
  let candidates = 0;
  let t = 1;
  const level = (): number => {
    const sum = discoveries.reduce((total, { at, candidates: since }, index) => total + (index === 0 ? alpha - w0 : alpha) * gamma(t - at - since), w0 * gamma(t - candidates));
    return Math.min(lambda, (1 - lambda) * sum);
  };
  return {
    level,
    observe: (p) => {
      const discovery = p <= level();
      if (p <= lambda) {
        candidates += 1;
        for (const each of discoveries) each.candidates += 1;
      }
      if (discovery) discoveries.push({ at: t, candidates: 0 });
      t += 1;
    },
  };
}
