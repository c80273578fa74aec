import type { Metadata } from 'next'
import type { ReactNode } from 'react'
import './page.css'

export const metadata: Metadata = { title: 'AI Generate in Next.js' }

export default function Layout ({ children }: { children: ReactNode }) {
  return <html lang="en"><body><main>{children}</main></body></html>
}
