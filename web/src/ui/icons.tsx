/** A few drawings, so that the page needs neither an icon font nor the system's emoji. */
import type { ReactNode } from 'react';
import type { Reaction } from '../events/entry';

function Stroke({ children, size = 20 }: { children: ReactNode; size?: number }) {
  return (
    <svg viewBox="0 0 24 24" width={size} height={size} fill="none" stroke="currentColor" strokeWidth="2"
      strokeLinecap="round" strokeLinejoin="round" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const SoundOn = () => (
  <Stroke><path d="M11 5 6.5 9H3v6h3.5L11 19z" /><path d="M15.5 9a4 4 0 0 1 0 6M18.5 6a8 8 0 0 1 0 12" /></Stroke>
);
export const SoundOff = () => (
  <Stroke><path d="M11 5 6.5 9H3v6h3.5L11 19z" /><path d="m16 9.5 5 5M21 9.5l-5 5" /></Stroke>
);
export const Expand = () => <Stroke><path d="M8 4H4v4M16 4h4v4M8 20H4v-4M16 20h4v-4" /></Stroke>;
export const Shrink = () => <Stroke><path d="M4 8h4V4M20 8h-4V4M4 16h4v4M20 16h-4v4" /></Stroke>;
export const Send = () => <Stroke><path d="M4 12 20 4l-5 16-3.5-6.5z" /><path d="M11.5 13.5 20 4" /></Stroke>;
export const Check = () => <Stroke><path d="m5 12.5 4.5 4.5L19 7.5" /></Stroke>;
export const Cross = () => <Stroke><path d="M6 6l12 12M18 6 6 18" /></Stroke>;
export const Back = () => <Stroke><path d="M15 5l-7 7 7 7" /></Stroke>;
export const Eye = () => (
  <Stroke size={16}><path d="M2 12s3.5-6.5 10-6.5S22 12 22 12s-3.5 6.5-10 6.5S2 12 2 12z" /><circle cx="12" cy="12" r="2.8" /></Stroke>
);
export const Clock = () => <Stroke size={16}><circle cx="12" cy="12" r="8.5" /><path d="M12 7.5V12l3 2" /></Stroke>;
export const Chair = ({ size = 20 }: { size?: number }) => (
  <Stroke size={size}><path d="M7 3v10h10M7 13v8M17 13v8" /><path d="M17 13c0-2-1-3-3-3H7" /></Stroke>
);
export const Lock = () => (
  <Stroke><rect x="5" y="11" width="14" height="9" rx="2" /><path d="M8 11V8a4 4 0 0 1 8 0v3" /></Stroke>
);
export const Gamepad = ({ size = 20 }: { size?: number }) => (
  <Stroke size={size}>
    <path d="M7 7h10a5 5 0 0 1 4.8 6.3l-.9 3.2a2.3 2.3 0 0 1-4 .8L15 15H9l-1.9 2.3a2.3 2.3 0 0 1-4-.8l-.9-3.2A5 5 0 0 1 7 7z" />
    <path d="M8 9.5v3M6.5 11h3M15.5 10.2h.01M17.5 12h.01" />
  </Stroke>
);

export function Mark({ size = 28 }: { size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      <defs>
        <linearGradient id="mark" x1="0" y1="0" x2="1" y2="1">
          <stop offset="0" stopColor="#ffb454" />
          <stop offset="1" stopColor="#ff5c39" />
        </linearGradient>
      </defs>
      <rect width="32" height="32" rx="9" fill="url(#mark)" />
      <path d="M10 7v11h12v7M10 18v7M22 18c0-2-1-3-3-3h-9" fill="none" stroke="#1b0d07" strokeWidth="3"
        strokeLinecap="round" strokeLinejoin="round" />
    </svg>
  );
}

const FACES: Record<Reaction, ReactNode> = {
  like: (
    <path fill="#ff5d7e" d="M16 27.5S4 20.6 4 12.4C4 8.3 7 5.5 10.4 5.5c2.400 0 4.500 1.300 5.600 3.300 1.100-2 3.200-3.300 5.600-3.300 3.400 0 6.400 2.800 6.400 6.900 0 8.200-12 15.100-12 15.100z" />
  ),
  fire: (
    <>
      <path fill="#ff7a2f" d="M16.500 2.500c1 5-5.500 7.500-6.300 12.500-.9-.7-1.500-1.900-1.600-3.300C6.500 13.900 5 16.600 5 19.300 5 25 9.900 29.500 16 29.500s11-4.500 11-10.200c0-7.300-6.500-10-10.500-16.800z" />
      <path fill="#ffd24a" d="M16.300 14.500c.4 3-4.300 4.700-4.300 8.900 0 2.600 1.900 4.400 4.200 4.400s4.300-1.900 4.300-4.400c0-3.300-3-5.200-4.200-8.900z" />
    </>
  ),
  star: (
    <path fill="#ffc93f" stroke="#ffc93f" strokeWidth="2" strokeLinejoin="round" d="m16 4 3.700 7.700 8.300 1.200-6 5.900 1.400 8.400L16 23.200l-7.400 4L10 18.800l-6-5.900 8.300-1.200z" />
  ),
  laugh: (
    <>
      <circle cx="16" cy="16" r="13" fill="#ffd24a" />
      <path fill="#5b2a12" d="M8.500 17.500h15c0 5-3.300 8.300-7.500 8.300s-7.500-3.300-7.500-8.300z" />
      <path fill="#fff" d="M9.200 17.500h13.600v2.300H9.200z" />
      <path fill="none" stroke="#5b2a12" strokeWidth="2.200" strokeLinecap="round" strokeLinejoin="round" d="m8.500 9.500 4 2.200-4 2M23.500 9.500l-4 2.200 4 2" />
    </>
  ),
  clap: (
    <>
      <g fill="none" stroke="#ffe3a3" strokeWidth="2" strokeLinecap="round"><path d="M16 2.500v3.500M8.500 4.500l2 3M23.500 4.500l-2 3" /></g>
      <path fill="#f2a65a" d="M4.500 16.500c0-1.400 1.600-2 2.600-1l4.900 5-4.600-7.800c-.9-1.500 1.100-2.900 2.200-1.500l6.400 8.800v9.500c-6.500.8-11.500-4-11.500-9.500z" />
      <path fill="#ffc98b" d="M27.500 16.500c0-1.400-1.600-2-2.600-1l-4.900 5 4.600-7.800c.9-1.500-1.100-2.900-2.200-1.500L16 20v9.500c6.500.8 11.500-4 11.500-9.500z" />
    </>
  ),
  wow: (
    <>
      <circle cx="16" cy="16" r="13" fill="#ffd24a" />
      <circle cx="11" cy="12.500" r="2.200" fill="#5b2a12" />
      <circle cx="21" cy="12.500" r="2.200" fill="#5b2a12" />
      <ellipse cx="16" cy="21.500" rx="3.600" ry="4.600" fill="#5b2a12" />
      <path fill="none" stroke="#5b2a12" strokeWidth="1.600" strokeLinecap="round" d="M8.500 8.200q2-1.700 4.200-.8M23.500 8.200q-2-1.700-4.200-.8" />
    </>
  ),
};

export function ReactionIcon({ kind, size = 26 }: { kind: Reaction; size?: number }) {
  return (
    <svg viewBox="0 0 32 32" width={size} height={size} aria-hidden="true" focusable="false">
      {FACES[kind]}
    </svg>
  );
}
