import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

// The backend that `npm run dev` talks to: `hotseat demo`, or `npm run stage`.
const backend = process.env['HOTSEAT_BACKEND'] ?? 'http://127.0.0.1:8470';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // The page is served under a Content-Security-Policy without data: addresses and
    // without inline scripts, so nothing is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': backend,
      '/cognito': backend,
      '/event': { target: backend, ws: true },
      '/whip': backend,
    },
  },
  test: {
    include: ['test/unit/**/*.test.ts'],
    environment: 'node',
  },
});
