import type { Hook } from '../../infra/http/guard.ts';
import type { SocialLimits } from './limits.ts';

/** What every group of routes of this door shares. */
export type Pieces = Readonly<{ guard: Hook; limits: SocialLimits }>;
